"""MobileNetV2, the classifier alone trained for 3 epochs, then all of it, on Kaggle's
classify-leaves.

First the probe, then fine-tuning: LP-FT (https://arxiv.org/abs/2202.10054).
Ours: all 116 of the first of 5 folds of our 579 images, which are of two other sets,
with each of the seeds 0 to 2; last epoch, bfloat16; 2.1 minutes of a core of an AMD
EPYC. Not run on Kaggle's own 18,353.

python tools/train.py configs/mobilenet-v2_probe-all3_b32-adamw-cosine10_leaves.py
"""

_base_ = ["./mobilenet-v2_all_b32-adamw-cosine10_leaves.py"]

trainable = ["classifier", "all@3"]
