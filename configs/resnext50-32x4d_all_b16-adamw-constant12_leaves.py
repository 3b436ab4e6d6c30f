"""ResNeXt-50 32x4d, all of it trained, 12 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: 0.912 in validation, 225 s an epoch and 4 GB on a GTX 1080
(experiments.md, 2.1). Ours: not run.

python tools/train.py configs/resnext50-32x4d_all_b16-adamw-constant12_leaves.py
"""

_base_ = [
    "_base_/models/resnext50-32x4d.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=16)
train_cfg = dict(max_epochs=12)
