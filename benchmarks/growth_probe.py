"""The linear probe whose cost `growth.py` measures: CIFAR-10's images at 64 px."""

_base_ = ["../configs/mobilenet-v2_probe_b32-adamw-cosine10_folders.py"]
pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="Resize", scale=64),
    dict(type="PackInputs"),
]
dataset = dict(train_fraction=0.8, val_fraction=0.1)
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=pipeline))
val_dataloader = dict(batch_size=256, dataset=dict(pipeline=pipeline))
test_dataloader = dict(batch_size=256, dataset=dict(pipeline=pipeline))
default_hooks = dict(audit=None)
