"""MobileNetV2, the classifier alone trained for 3 epochs, then all of it, on benign and
malignant scans.

First the probe, then fine-tuning: LP-FT (https://arxiv.org/abs/2202.10054).
Ours: not run to the end.

python tools/train.py configs/mobilenet-v2_probe-all3_b32-adamw-cosine10_busi.py
"""

_base_ = ["./mobilenet-v2_all_b32-adamw-cosine10_busi.py"]

trainable = ["classifier", "all@3"]
