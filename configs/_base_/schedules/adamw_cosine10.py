"""AdamW, 10 epochs: the rate falls to 0 along a cosine, iteration by iteration."""

optim_wrapper = dict(optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.01))
param_scheduler = [
    dict(type="CosineAnnealingLR", T_max=10, end=10, convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(enable=False, base_batch_size=32)
