"""ViT-B/16, self-attention of all blocks trained, 256 px, batch 16, on Caltech-101."""

_base_ = [
    "../configs/_base_/models/vit-base.py",
    "../configs/_base_/data/caltech.py",
    "../configs/_base_/schedules/adamw_cosine10.py",
    "../configs/_base_/default_runtime.py",
]
model = dict(backbone=dict(img_size=256))
train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=256),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=256),
    dict(type="PackInputs"),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
trainable = "attention:12"
optim_wrapper = dict(optimizer=dict(lr=5e-5, weight_decay=1e-3))
