"""CIFAR-10 for networks that halve an image five times: shifted, flipped and enlarged,
to 96 px for 3 epochs, to 128 from the fourth on and for scoring.
"""

_base_ = ["./cifar10.py"]

train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="Resize", scale=(96, 96)),
    dict(type="PackInputs"),
]
train_pipeline_128px = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="Resize", scale=(128, 128)),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="Resize", scale=(128, 128)),
    dict(type="PackInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
custom_hooks = [
    dict(
        type="SwitchRecipeHook",
        schedule=[dict(action_epoch=4, train_pipeline=train_pipeline_128px)],
    )
]
