"""ResNeXt-50 32x4d, torchvision's ImageNet weights; the head follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNeXt",
        depth=50,
        groups=32,
        width_per_group=4,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://resnext50-32x4d_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=2048),
)
