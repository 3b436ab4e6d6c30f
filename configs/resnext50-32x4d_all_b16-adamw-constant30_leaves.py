"""ResNeXt-50 32x4d, all of it trained, 30 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: 0.92, 210 s an epoch and 6 GB on a GTX 1080 (experiments.md, 2.5).
Ours: not run.

python tools/train.py configs/resnext50-32x4d_all_b16-adamw-constant30_leaves.py
"""

_base_ = [
    "_base_/models/resnext50-32x4d.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=16)
