"""MobileNetV2, all of it trained, on benign and malignant scans at 128 px.

One of the four recipes of docs/comparing.md.
Ours: 79.3 % of 426 of our scans, mean of 3 repeats of 5 folds (77.0 to 81.0), AUROC
89.0; last epoch, bfloat16; 1.7 minutes a run on one busy core of an AMD EPYC.

python tools/train.py configs/mobilenet-v2_all_b32-adamw-cosine10_busi-128px.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/busi-128px.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(head=dict(loss=dict(type="CrossEntropyLoss", class_weight="auto")))
