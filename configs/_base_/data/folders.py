"""A folder a class, of your own: 60 % to train, 20 % for validation, 20 % to test."""

_base_ = ["./images_224.py"]

dataset = dict(
    type="mmleaves.CaltechFolders",
    data_root="data/folders",
    train_fraction=0.6,
    val_fraction=0.2,
)
