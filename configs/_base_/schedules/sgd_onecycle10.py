"""SGD, 10 epochs, one cycle, iteration by iteration: the rate rises from 1/25 over 3
epochs and falls to nothing over 7; the momentum moves against it, 0.95 to 0.85 and
back (torch's OneCycleLR). The rate given is the highest.
"""

_base_ = ["./sgd_constant.py"]

optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.95))
param_scheduler = [
    dict(type="mmleaves.OneCycleLR", end=10, convert_to_iter_based=True),
    dict(type="mmleaves.OneCycleMomentum", end=10, convert_to_iter_based=True),
]
