"""MobileNetV2, all of it trained, on Kaggle's classify-leaves.

The rate, the crops and the smoothing are those chosen on Caltech-101.
Ours: all 116 of the first of 5 folds of our 579 images, which are of two other sets,
with each of the seeds 0 to 2; last epoch, bfloat16; 2.7 minutes of a core of an AMD
EPYC. Not run on Kaggle's own 18,353.

python tools/train.py configs/mobilenet-v2_all_b32-adamw-cosine10_leaves.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/leaves.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(head=dict(loss=dict(type="LabelSmoothLoss", label_smooth_val=0.1)))
train_pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=224, crop_ratio_range=(0.35, 1.0)),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
