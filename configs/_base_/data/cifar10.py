"""CIFAR-10 in class folders, 32 px: a tenth of train/ for validation.

So test/ is scored once, with the weights that were best in validation. The notebook
chose them on test/, and trained on all of train/. The mean and std are ImageNet's.
"""

_base_ = ["./images_224.py"]

dataset = dict(
    type="mmleaves.CaltechFolders",
    data_root="data/cifar10",
    data_prefix="train",
    train_fraction=0.9,
    val_fraction=0.1,
)
reference_classes = 10  # for counting without the data
train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [dict(type="mmleaves.LoadImage"), dict(type="PackInputs")]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(
        data_prefix="test", classes_from="train", part="all", pipeline=test_pipeline
    )
)
