"""MobileNetV2 with torchvision's ImageNet weights; the classifier follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="MobileNetV2",
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://mobilenet-v2_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=1280),
)
