"""ViT-L/16 with torchvision's ImageNet weights; the classifier follows the data.

Give `img_size` for images of another size than 224 px: the weights' position embedding
is resized to it, edge to edge (torchvision's own function does it corner to corner).
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="VisionTransformer",
        arch="large",
        img_size=224,
        patch_size=16,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="mmleaves://vit-large_in1k",
            prefix="backbone",
        ),
    ),
    head=dict(type="LinearClsHead", in_channels=1024),
)
