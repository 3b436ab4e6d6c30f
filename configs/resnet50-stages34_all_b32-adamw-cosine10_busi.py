"""ResNet-50, its last two stages pooled and joined, all of it trained, on benign and
malignant scans.

Theirs: not given (experiments.md, 5.4). Ours: not run.

python tools/train.py configs/resnet50-stages34_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    backbone=dict(out_indices=(2, 3)),
    head=dict(
        _delete_=True,
        type="mmleaves.FusionClsHead",
        in_channels=(1024, 2048),
        how="concat",
        loss=dict(type="CrossEntropyLoss", class_weight="auto"),
    ),
)
