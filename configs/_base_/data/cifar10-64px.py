"""CIFAR-10 for networks that halve an image five times: shifted, doubled to 64 px."""

_base_ = ["./cifar10.py"]

train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="Resize", scale=(64, 64)),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="Resize", scale=(64, 64)),
    dict(type="PackInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
