"""VGG-13 with BatchNorm, with torchvision's ImageNet weights.

The classifier is theirs too, of three layers; the last follows the data.
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="VGG",
        depth=13,
        norm_cfg=dict(type="BN"),
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://vgg13-bn_in1k",
            prefix="backbone",
        ),
    ),
    head=dict(
        type="mmleaves.VGGHead",
        hidden=dict(
            init_cfg=dict(
                type="Pretrained",
                checkpoint="mmleaves://vgg13-bn_in1k",
                prefix="head.hidden",
            ),
        ),
    ),
)
