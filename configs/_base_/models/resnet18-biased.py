"""A notebook's own ResNet-18, from PyTorch's random weights, the classifier's too; that
follows the data.
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(type="mmleaves.BiasedResNet18"),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=512, init_cfg=None),
)
