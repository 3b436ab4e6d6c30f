"""MobileNetV2, the classifier alone trained, on benign and malignant scans at 128 px.

The classifier's rate is that of the other three recipes of docs/comparing.md.
Ours: not run to the end.

python tools/train.py configs/mobilenet-v2_probe_b32-adamw-cosine10_busi-128px.py
"""

_base_ = ["./mobilenet-v2_all_b32-adamw-cosine10_busi-128px.py"]

trainable = "classifier"
