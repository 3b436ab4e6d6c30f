"""SGD, 20 epochs, one cycle: the rate rises tenfold over 8 epochs and falls to 1e-4 of
its start over 12; the momentum moves against it, 0.9 to 0.8 and back.
"""

_base_ = ["./sgd.py"]

optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [
    dict(
        type="CosineAnnealingLR",
        T_max=8,
        eta_min_ratio=10,
        end=8,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        T_max=12,
        eta_min_ratio=1e-4,
        begin=8,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingMomentum",
        T_max=8,
        eta_min=0.8,
        end=8,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingMomentum",
        T_max=12,
        eta_min=0.9,
        begin=8,
        end=20,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=20)
