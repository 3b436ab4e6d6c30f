"""ResNet-50, stem and two stages frozen, batch 64, one cycle, on Caltech-101.

In 20 epochs the rate rises from 0.01 to 0.1 and falls to 1e-6, the momentum goes from
0.9 to 0.8 and back. The rate belongs to batch 256.
Ours: not run to the end.

python tools/train.py configs/resnet50_frozen2_b64-cyclic20_caltech.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/caltech.py",
    "_base_/schedules/sgd_cyclic20.py",
    "_base_/default_runtime.py",
]
trainable = "all-but-first:2"
train_dataloader = dict(batch_size=64)
