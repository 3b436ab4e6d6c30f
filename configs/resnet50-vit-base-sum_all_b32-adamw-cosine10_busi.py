"""ResNet-50 and ViT-B/16, features added, all of it trained, on benign and malignant
scans.

They do not say which two backbones.
Theirs: not given (experiments.md, 5.6). Ours: not run.

python tools/train.py configs/resnet50-vit-base-sum_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50-vit-base.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    head=dict(how="sum", loss=dict(type="CrossEntropyLoss", class_weight="auto"))
)
