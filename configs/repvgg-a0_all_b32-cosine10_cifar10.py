"""RepVGG-A0, all of it trained, a cosine over 10 epochs, on CIFAR-10.

From random weights. A remark asks for such a net (experiments.md, 4): one of many
branches, folded into a plain one once it is trained, by `mmleaves fold`.
Theirs: none. Ours: not run.

python tools/train.py configs/repvgg-a0_all_b32-cosine10_cifar10.py
"""

_base_ = [
    "_base_/models/repvgg-a0.py",
    "_base_/data/cifar10.py",
    "_base_/schedules/sgd_cosine10.py",
    "_base_/default_runtime.py",
]
