"""ResNeXt-101 32x8d, torchvision's ImageNet weights; the head follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNeXt",
        depth=101,
        groups=32,
        width_per_group=8,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://resnext101-32x8d_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=2048),
)
