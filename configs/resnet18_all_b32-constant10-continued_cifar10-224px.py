"""ResNet-18, all of it trained, one rate for 10 epochs, on CIFAR-10.

Parts of 28 px, enlarged to 224. The classifier learns ten times as fast as the rest.
Batch size and length are ours. It goes on from the best weights of
resnet18_all_b32-constant10_cifar10-224px, which must have been run here.
Theirs: 0.950 as the best of all schedules (experiments.md, 4.2). Ours: not run.

python tools/train.py configs/resnet18_all_b32-constant10-continued_cifar10-224px.py
"""

_base_ = [
    "_base_/models/resnet18.py",
    "_base_/data/cifar10-224px.py",
    "_base_/schedules/sgd_constant.py",
    "_base_/default_runtime.py",
]
optim_wrapper = dict(paramwise_cfg=dict(head_lr_mult=10))
load_from = (
    "work_dirs/resnet18_all_b32-constant10_cifar10-224px/best_accuracy_top1_epoch_*.pth"
)
