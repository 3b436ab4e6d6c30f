"""MobileNetV2, all of it trained, batch 32, AdamW with a cosine."""

_base_ = ["./caltech.py", "mmpretrain::_base_/models/mobilenet_v2_1x.py"]

model = dict(head=dict(num_classes=101, topk=(1,)))
optim_wrapper = dict(optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.01))
param_scheduler = [
    dict(type="CosineAnnealingLR", T_max=10, end=10, convert_to_iter_based=True)
]
