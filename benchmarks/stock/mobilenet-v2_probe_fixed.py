"""The probe of mobilenet-v2_probe.py, on the same crop of each image in each epoch."""

_base_ = ["./mobilenet-v2_probe.py"]
train_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline}}))
