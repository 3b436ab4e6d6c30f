"""MobileNetV2, the classifier trained, as far as stock MMPretrain can freeze it.

`frozen_stages=7` leaves the last convolution; a rate of 0 keeps its weights, and
`norm_eval` the statistics.
"""

_base_ = ["./mobilenet-v2_all.py"]

model = dict(backbone=dict(frozen_stages=7, norm_eval=True))
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(custom_keys={"backbone.conv2": dict(lr_mult=0, decay_mult=0)}),
)
