"""ViT-B/16, self-attention of all blocks and the classifier trained, 256 px, batch 16.

Stock MMPretrain cannot freeze the rest; a rate of 0 keeps it.
"""

_base_ = ["./caltech.py", "mmpretrain::_base_/models/vit-base-p16.py"]

model = dict(
    backbone=dict(img_size=256, drop_rate=0.0),
    head=dict(
        num_classes=101,
        topk=(1,),
        loss=dict(_delete_=True, type="CrossEntropyLoss"),
    ),
)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=256),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=256),
    dict(type="PackInputs"),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
_still = dict(lr_mult=0, decay_mult=0)
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=5e-5, weight_decay=1e-3),
    paramwise_cfg=dict(
        custom_keys={
            "backbone": _still,
            "backbone.layers": _still,
            **{f"backbone.layers.{i}.attn": dict() for i in range(12)},
        }
    ),
)
