"""SGD, 100 epochs: a hundredth of the rate for 5, then /10 at 20, 40, 60."""

_base_ = ["./sgd.py"]

param_scheduler = [
    dict(type="ConstantLR", factor=0.01, end=5, convert_to_iter_based=True),
    dict(type="MultiStepLR", milestones=[20, 40, 60], gamma=0.1),
]
