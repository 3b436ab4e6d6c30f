"""Two MobileNetV2, for 224 and for 112 px, each with torchvision's ImageNet weights.

One sees details, the other the whole with half the pixels a side. The classifier, which
sees the features of both joined, follows the data.
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="mmleaves.TwoBranches",
        branches=dict(
            fine=dict(
                type="MobileNetV2",
                init_cfg=dict(
                    type="Pretrained",
                    checkpoint="mmleaves://mobilenet-v2_in1k",
                    prefix="backbone",
                ),
            ),
            coarse=dict(
                type="MobileNetV2",
                init_cfg=dict(
                    type="Pretrained",
                    checkpoint="mmleaves://mobilenet-v2_in1k",
                    prefix="backbone",
                ),
            ),
        ),
        sides_px=dict(coarse=112),
    ),
    head=dict(type="mmleaves.FusionClsHead", in_channels=(1280, 1280), how="concat"),
)
