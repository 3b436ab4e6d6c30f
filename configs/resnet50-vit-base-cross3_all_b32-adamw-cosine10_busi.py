"""ResNet-50 and ViT-B/16, cross-attention after stage 3 of 4, all of it trained, on
benign and malignant scans.

They do not say which two backbones, nor after which stage.
Theirs: not given (experiments.md, 5.7). Ours: not run.

python tools/train.py configs/resnet50-vit-base-cross3_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50-vit-base.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    backbone=dict(type="mmleaves.CrossAttentionBranches", after_stages=(3,)),
    head=dict(loss=dict(type="CrossEntropyLoss", class_weight="auto")),
)
