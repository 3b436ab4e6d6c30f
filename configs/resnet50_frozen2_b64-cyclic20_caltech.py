"""ResNet-50, stem and two stages frozen, batch 64, cyclic rate and momentum, Caltech-101.

The rate rises from 0.01 to 0.1 and falls to 1e-6; momentum 0.9, 0.8, 0.9 against it.
Ours: not run to the end.

python tools/train.py configs/resnet50_frozen2_b64-cyclic20_caltech.py
"""

_base_ = [
    "_base_/models/resnet50.py",
    "_base_/data/caltech.py",
    "_base_/schedules/sgd_cyclic20.py",
    "_base_/default_runtime.py",
]
model = dict(backbone=dict(frozen_stages=2))
train_dataloader = dict(batch_size=64)
