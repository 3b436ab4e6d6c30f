"""ResNet-34, all of it trained, 30 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: about 0.9, 90 s an epoch on a GTX 1080 (experiments.md, 2.3). Ours: not run.

python tools/train.py configs/resnet34_all_b16-adamw-constant30_leaves.py
"""

_base_ = [
    "_base_/models/resnet34.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=16)
