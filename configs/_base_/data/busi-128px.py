"""Breast ultrasound at 128 px, a third of the pixels, else as at 224."""

_base_ = ["./busi.py"]

train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=128),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="ResizeEdge", scale=146, edge="short"),
    dict(type="CenterCrop", crop_size=128),
    dict(type="PackInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
