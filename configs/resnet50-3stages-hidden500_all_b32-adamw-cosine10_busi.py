"""ResNet-50 without its last stage, a hidden layer of 500, all of it trained, on benign
and malignant scans.

Theirs: not given (experiments.md, 5.3). Ours: not run.

python tools/train.py configs/resnet50-3stages-hidden500_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,)
    ),
    head=dict(
        _delete_=True,
        type="StackedLinearClsHead",
        in_channels=1024,
        mid_channels=[500],
        # As LinearClsHead begins.
        init_cfg=dict(type="Normal", std=0.01, override=dict(name="fc")),
        loss=dict(type="CrossEntropyLoss", class_weight="auto"),
    ),
)
