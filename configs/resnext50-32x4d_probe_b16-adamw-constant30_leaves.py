"""ResNeXt-50 32x4d, the classifier alone trained, 30 epochs, on Kaggle's leaves.

AdamW at one rate, 3e-4; the notebook does not name its optimiser.
Theirs: a plot, 90 s an epoch on a GTX 1080 (experiments.md, 2.4). Ours: not run.

python tools/train.py configs/resnext50-32x4d_probe_b16-adamw-constant30_leaves.py
"""

_base_ = [
    "_base_/models/resnext50-32x4d.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_constant.py",
    "_base_/default_runtime.py",
]
trainable = "classifier"
train_dataloader = dict(batch_size=16)
