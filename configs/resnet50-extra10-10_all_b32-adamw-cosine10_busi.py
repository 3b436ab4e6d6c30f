"""ResNet-50 and 6 other features, latent widths 10 and 10, all of it trained, on benign
and malignant scans.

Theirs: not given (experiments.md, 5.8). Ours: not run.

python tools/train.py configs/resnet50-extra10-10_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/busi_features.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    head=dict(
        _delete_=True,
        type="mmleaves.ExtraFeaturesClsHead",
        in_channels=2048,
        extra_channels=6,
        latent_channels=(10, 10),
        loss=dict(type="CrossEntropyLoss", class_weight="auto"),
    ),
)
