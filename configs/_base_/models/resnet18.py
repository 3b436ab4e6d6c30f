"""ResNet-18 with torchvision's ImageNet weights; the classifier follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNet",
        depth=18,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://resnet18_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=512),
)
