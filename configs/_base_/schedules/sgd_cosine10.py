"""SGD without momentum, 10 epochs: the rate falls towards 0 along a cosine, epoch by
epoch; the tenth epoch has 1/41 of it.
"""

_base_ = ["./sgd_constant.py"]

optim_wrapper = dict(optimizer=dict(lr=0.08))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=10, end=10)]
