"""AdamW, 35 epochs: three cosines to 0, epoch by epoch, of 5, 10 and 20 epochs, each
from the whole rate (torch's CosineAnnealingWarmRestarts, T_0=5, T_mult=2).
"""

_base_ = ["./adamw_constant.py"]

optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [
    dict(
        type="CosineRestartLR",
        periods=[5, 10, 20],
        restart_weights=[1, 1, 1],
        eta_min=0,
    )
]
train_cfg = dict(max_epochs=35)
