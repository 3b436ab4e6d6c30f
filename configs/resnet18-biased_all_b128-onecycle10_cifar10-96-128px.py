"""A ResNet-18 with biases, all of it trained, one cycle over 10 epochs, on CIFAR-10.

The notebook's own network with another recipe: a peak rate of 0.1, weight decay 5e-4,
Nesterov's momentum, label smoothing of 0.1, shifts of up to 4 px, and growing images.
At 32 px the last stage of this network sees a single pixel, at 128 px sixteen; smaller
images come first, as they take less time.
Ours: 87.2 % of test/, one seed; trained on the 49,322 of train/ of which no near copy
is in test/, by `repeat --holdout`, as docs/configs.md says; last epoch, bfloat16; 85
minutes on two cores of an AMD EPYC, beside other work. With 64 px for 3 epochs, 96 for
4 and 128 for 3 it was 86.6 %.

python tools/train.py configs/resnet18-biased_all_b128-onecycle10_cifar10-96-128px.py
"""

_base_ = [
    "_base_/models/resnet18-biased.py",
    "_base_/data/cifar10-96-128px.py",
    "_base_/schedules/sgd_onecycle10.py",
    "_base_/default_runtime.py",
]
model = dict(head=dict(loss=dict(type="LabelSmoothLoss", label_smooth_val=0.1)))
train_dataloader = dict(batch_size=128)
val_dataloader = dict(batch_size=500)
test_dataloader = dict(batch_size=500)
optim_wrapper = dict(optimizer=dict(lr=0.1, weight_decay=5e-4, nesterov=True))
auto_scale_lr = dict(base_batch_size=128)
