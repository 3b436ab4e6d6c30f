"""MobileNetV2, everything trained, batch 32, AdamW with a cosine, on Caltech-101.

Ours: TBD.

python tools/train.py configs/mobilenet-v2_all_b32-adamw-cosine10_caltech.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/caltech.py",
    "_base_/schedules/adamw_cosine10.py",
    "_base_/default_runtime.py",
]
optim_wrapper = dict(optimizer=dict(lr=3e-4, weight_decay=0.05))
