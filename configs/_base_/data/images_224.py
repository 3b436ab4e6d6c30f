"""How images are read, cropped to 224 px, batched and scored, in every data set."""

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53],  # ImageNet's, RGB, 0-255
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=224),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=224),
    dict(type="PackInputs"),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(part="train", pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(part="val", pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=2,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(part="test", pipeline=test_pipeline, test_mode=True),
)

val_evaluator = [
    dict(type="Accuracy", topk=(1,)),
    dict(type="mmleaves.CrossEntropy"),
    dict(type="mmleaves.PerClassRecall", rows=5),
]
test_evaluator = [
    dict(type="Accuracy", topk=(1,)),
    dict(type="mmleaves.CrossEntropy"),
    dict(type="mmleaves.PerClassRecall", rows=1000),
]
