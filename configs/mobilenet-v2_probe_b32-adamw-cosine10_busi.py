"""MobileNetV2, the classifier alone trained, on benign and malignant scans.

The rate was chosen on drawn leaves. Ours: 29 of 33 right, AUROC 97.7, when trained on
all 428; last epoch, seed 0; about a minute on one core of an AMD EPYC.

python tools/train.py configs/mobilenet-v2_probe_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/mobilenet-v2.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10.py",
    "_base_/default_runtime.py",
]
trainable = "classifier"
optim_wrapper = dict(optimizer=dict(lr=3e-3))
