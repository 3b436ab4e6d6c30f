"""SGD without momentum, 10 epochs, each at 0.8 of the rate of the one before."""

_base_ = ["./sgd_constant.py"]

param_scheduler = [dict(type="ExponentialLR", gamma=0.8)]
