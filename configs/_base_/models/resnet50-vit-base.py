"""ResNet-50 and ViT-B/16 side by side, each with torchvision's ImageNet weights.

The classifier, which sees the features of both joined, follows the data.
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="mmleaves.TwoBranches",
        branches=dict(
            texture=dict(
                type="ResNet",
                depth=50,
                init_cfg=dict(
                    type="Pretrained",
                    checkpoint="mmleaves://resnet50_in1k",
                    prefix="backbone",
                ),
            ),
            shape=dict(
                type="VisionTransformer",
                arch="base",
                img_size=224,
                patch_size=16,
                init_cfg=dict(
                    type="Pretrained",
                    checkpoint="mmleaves://vit-base_in1k",
                    prefix="backbone",
                ),
            ),
        ),
    ),
    head=dict(type="mmleaves.FusionClsHead", in_channels=(2048, 768), how="concat"),
)
