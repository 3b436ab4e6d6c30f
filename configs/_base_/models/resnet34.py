"""ResNet-34 with torchvision's ImageNet weights; the classifier follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNet",
        depth=34,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://resnet34_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=512),
)
