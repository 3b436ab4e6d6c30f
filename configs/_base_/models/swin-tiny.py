"""Swin-T with OpenMMLab's ImageNet weights; the classifier follows the data."""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="SwinTransformer",
        arch="tiny",
        drop_path_rate=0.2,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/swin-"
            "transformer/swin_tiny_224_b16x64_300e_imagenet_20210616_090925-66df6be6.pth",
            prefix="backbone",
        ),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=768),
)
