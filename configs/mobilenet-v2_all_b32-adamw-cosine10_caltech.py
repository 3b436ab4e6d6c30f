"""MobileNetV2, all of it trained, batch 32, AdamW with a cosine, on Caltech-101.

The classifier learns ten times as fast as the rest. Ours: mean per class 91.4, top-1
92.0 on the other 2,263 of our images, when trained on all 30 a class; last epoch, seed
0, bfloat16, on an AMD EPYC. 38 of them are in the training part too, and 44 nearly so.
With the draws of earlier versions 91.0 and 91.5, and 92.0 and 92.4. The rate, the crops
and the smoothing were chosen on the validation part.

python tools/train.py configs/mobilenet-v2_all_b32-adamw-cosine10_caltech.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/caltech.py",
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
