"""AdamW, 10 epochs along a cosine: 1e-4, and ten times that for what is new.

New are the head and what fuses two branches; all else comes with ImageNet weights.
"""

_base_ = ["./adamw_cosine10.py"]

optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(head_lr_mult=10))
