"""VGG-13 with BatchNorm, its features frozen, a cosine over 10 epochs, on CIFAR-10.

The three layers of the classifier learn at ten times the rate given, 0.002. Batch size
and length are ours.
Theirs: 0.681 (experiments.md, 4.3). Ours: not run.

python tools/train.py configs/vgg13-bn_probe_b32-cosine10_cifar10.py
"""

_base_ = [
    "_base_/models/vgg13-bn.py",
    "_base_/data/cifar10.py",
    "_base_/schedules/sgd_cosine10.py",
    "_base_/default_runtime.py",
]
trainable = "classifier"
optim_wrapper = dict(
    optimizer=dict(lr=0.002),
    paramwise_cfg=dict(head_lr_mult=10),
)
