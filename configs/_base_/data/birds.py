"""Birds, 200 classes in one folder each, 256 px: 80 % to train, 10 % for validation.

The notebook normalised with its set's own mean and std, which it does not give:
ImageNet's stand in for them. How it split the set and cut its test images is not given
either.
"""

_base_ = ["./images_224.py"]

dataset = dict(
    type="mmleaves.CaltechFolders",
    data_root="data/birds",
    train_fraction=0.8,
    val_fraction=0.1,
)
reference_classes = 200  # of the notebook's set, for counting without the data
train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=256, crop_ratio_range=(1.0, 1.0)),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=256),
    dict(type="PackInputs"),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
