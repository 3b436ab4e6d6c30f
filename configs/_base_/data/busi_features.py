"""Breast ultrasound, and for each image a row of numbers in data/busi/features.csv.

docs/two_branches.md shows how such a file is written.
"""

_base_ = ["./busi.py"]

train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="mmleaves.AttachFeatures"),
    dict(type="RandomResizedCrop", scale=224),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs", algorithm_keys=["extra_features"]),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="mmleaves.AttachFeatures"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=224),
    dict(type="PackInputs", algorithm_keys=["extra_features"]),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
custom_hooks = [dict(type="mmleaves.StandardizeFeaturesHook")]
