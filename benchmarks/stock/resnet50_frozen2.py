"""ResNet-50, stem and two stages frozen, batch 64, SGD."""

_base_ = ["./caltech.py", "mmpretrain::_base_/models/resnet50.py"]

model = dict(backbone=dict(frozen_stages=2), head=dict(num_classes=101, topk=(1,)))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(
    optimizer=dict(type="SGD", lr=0.025, momentum=0.9, weight_decay=1e-4)
)
