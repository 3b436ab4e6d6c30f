"""Caltech-101: 30 images a class for training, 5 of them for validation."""

_base_ = ["./images_224.py"]

dataset = dict(
    type="mmleaves.CaltechFolders",
    data_root="data/101_ObjectCategories",
    train_per_class=30,
    val_per_class=5,
)
reference_classes = 101  # for counting without the data
