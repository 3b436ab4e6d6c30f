"""DenseNet-121 with torchvision's ImageNet weights; the classifier follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="DenseNet",
        arch="121",
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://densenet121_in1k",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=1024),
)
