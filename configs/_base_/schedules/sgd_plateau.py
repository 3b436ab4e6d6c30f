"""SGD, 50 epochs: /10 once the validation loss has not fallen for 6 epochs."""

_base_ = ["./sgd_constant.py"]

optim_wrapper = dict(optimizer=dict(momentum=0.9))
param_scheduler = [
    dict(
        type="ReduceOnPlateauLR",
        monitor="loss/cross_entropy",
        rule="less",
        factor=0.1,
        patience=5,
    )
]
train_cfg = dict(max_epochs=50)
