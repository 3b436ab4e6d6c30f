"""A ResNet-18 with biases, all of it trained, one rate for 10 epochs, on CIFAR-10.

The second part of 4.1, at 0.002; its length is ours. It goes on from the best weights
of resnet18-biased_all_b32-cosine10_cifar10, which must have been run here.
Theirs: 0.831 in the end (experiments.md, 4.1). Ours: not run.

python tools/train.py configs/resnet18-biased_all_b32-constant10-continued_cifar10.py
"""

_base_ = [
    "_base_/models/resnet18-biased.py",
    "_base_/data/cifar10.py",
    "_base_/schedules/sgd_constant.py",
    "_base_/default_runtime.py",
]
optim_wrapper = dict(optimizer=dict(lr=0.002))
load_from = (
    "work_dirs/resnet18-biased_all_b32-cosine10_cifar10/best_accuracy_top1_epoch_*.pth"
)
