"""VGG-13 with BatchNorm, all of it trained, one rate for 10 epochs, on CIFAR-10.

The first part of 4.4. The classifier learns ten times as fast as the rest. Batch size
and length are ours.
Theirs: 0.872 in the end (experiments.md, 4.4). Ours: not run.

python tools/train.py configs/vgg13-bn_all_b32-constant10_cifar10.py
"""

_base_ = [
    "_base_/models/vgg13-bn.py",
    "_base_/data/cifar10.py",
    "_base_/schedules/sgd_constant.py",
    "_base_/default_runtime.py",
]
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(head_lr_mult=10),
)
