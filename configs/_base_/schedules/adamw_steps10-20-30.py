"""AdamW, 40 epochs: /10 at 10, 20, 30. The length is ours; the notes give the steps."""

_base_ = ["./adamw_constant.py"]

optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [dict(type="MultiStepLR", milestones=[10, 20, 30], gamma=0.1)]
train_cfg = dict(max_epochs=40)
