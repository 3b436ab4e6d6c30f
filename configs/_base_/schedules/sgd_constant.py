"""SGD without momentum, 10 epochs at one rate, for batch 32.

Give `train_cfg.max_epochs` for others.
"""

optim_wrapper = dict(optimizer=dict(type="SGD", lr=1e-3, weight_decay=1e-3))
param_scheduler = []
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(enable=False, base_batch_size=32)
