"""ViT-B/16, all of it trained, 30 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: below 2.5's 0.92, 300 to 360 s an epoch and 7.5 GB on a GTX 1080
(experiments.md, 2.7). Ours: not run.

python tools/train.py configs/vit-base_all_b16-adamw-constant30_leaves.py
"""

_base_ = [
    "_base_/models/vit-base.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=16)
