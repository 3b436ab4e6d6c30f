"""VGG-13 with BatchNorm, all of it trained, a cosine over 10 epochs, on CIFAR-10.

The second part of 4.4. The classifier learns ten times as fast as the rest. Batch size
and length are ours. It goes on from the best weights of
vgg13-bn_all_b32-constant10_cifar10, which must have been run here.
Theirs: 0.872 in the end (experiments.md, 4.4). Ours: not run.

python tools/train.py configs/vgg13-bn_all_b32-cosine10-continued_cifar10.py
"""

_base_ = [
    "_base_/models/vgg13-bn.py",
    "_base_/data/cifar10.py",
    "_base_/schedules/sgd_cosine10.py",
    "_base_/default_runtime.py",
]
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(head_lr_mult=10),
)
load_from = (
    "work_dirs/vgg13-bn_all_b32-constant10_cifar10/best_accuracy_top1_epoch_*.pth"
)
