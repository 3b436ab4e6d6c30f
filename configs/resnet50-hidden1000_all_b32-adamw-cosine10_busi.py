"""ResNet-50 and a classifier with a hidden layer of 1000, all of it trained, on benign
and malignant scans.

Theirs: not given (experiments.md, 5.2). Ours: not run.

python tools/train.py configs/resnet50-hidden1000_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    head=dict(
        _delete_=True,
        type="StackedLinearClsHead",
        in_channels=2048,
        mid_channels=[1000],
        # As LinearClsHead begins.
        init_cfg=dict(type="Normal", std=0.01, override=dict(name="fc")),
        loss=dict(type="CrossEntropyLoss", class_weight="auto"),
    ),
)
