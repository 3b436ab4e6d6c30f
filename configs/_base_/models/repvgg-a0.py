"""RepVGG-A0, from random weights; the classifier follows the data.

It is trained with three branches a layer; `mmleaves fold` makes one of them.
"""

model = dict(
    type="ImageClassifier",
    backbone=dict(type="RepVGG", arch="A0"),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", in_channels=1280),
)
