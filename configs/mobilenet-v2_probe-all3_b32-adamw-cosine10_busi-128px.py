"""MobileNetV2, the classifier alone trained for 3 epochs, then all of it, on benign and
malignant scans at 128 px.

First the probe, then fine-tuning: LP-FT (https://arxiv.org/abs/2202.10054). One of the
four recipes of docs/comparing.md.
Ours: not run to the end.

python tools/train.py configs/mobilenet-v2_probe-all3_b32-adamw-cosine10_busi-128px.py
"""

_base_ = ["./mobilenet-v2_all_b32-adamw-cosine10_busi-128px.py"]

trainable = ["classifier", "all@3"]
