"""ViT-B/16, the classifier alone trained, 30 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: a plot, 170 s an epoch and 6.5 GB on a GTX 1080 (experiments.md, 2.6).
Ours: not run.

python tools/train.py configs/vit-base_probe_b16-adamw-constant30_leaves.py
"""

_base_ = [
    "_base_/models/vit-base.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
trainable = "classifier"
train_dataloader = dict(batch_size=16)
