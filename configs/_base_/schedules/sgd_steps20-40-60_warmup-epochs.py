"""SGD, 100 epochs: linear warm-up by epoch over 5, then /10 at 20, 40, 60."""

_base_ = ["./sgd.py"]

param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, end=5),
    dict(type="MultiStepLR", milestones=[20, 40, 60], gamma=0.1),
]
