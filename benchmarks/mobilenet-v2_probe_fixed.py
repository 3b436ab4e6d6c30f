"""The probe on Caltech-101, on the same crop of each image in each epoch."""

_base_ = ["../configs/mobilenet-v2_probe_b32-adamw-cosine10_caltech.py"]
train_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline}}))
