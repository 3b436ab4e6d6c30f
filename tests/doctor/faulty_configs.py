"""Configs with one fault each, as users wrote them: what the doctor must find in them.

``source`` names the issue whose fault it is in kind, or says "experience". A config is
the text below `SOUND`, or stands alone. ``{data}`` is a folder of three classes with
eight images each.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One faulty config.

    Args:
        name: What is wrong.
        source: Where it is from.
        text: The lines that are wrong.
        kind: Of the finding that is right.
        where: Its key.
        says: What must stand in its text or its line.
        alone: Whether ``text`` is the whole config.
    """

    name: str
    source: str
    text: str
    kind: str
    where: str
    says: str = ""
    alone: bool = False


SOUND = """
_base_ = ["{configs}/mobilenet-v2_probe_b32-adamw-cosine10_folders.py"]
dataset = dict(data_root="{data}", train_fraction=0.5, val_fraction=0.25)
model = dict(
    backbone=dict(
        _delete_=True, type="ResNet", depth=18, base_channels=8, stem_channels=8
    ),
    head=dict(in_channels=64),
)
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
auto_scale_lr = dict(base_batch_size=4)
"""
# After the config of mmpretrain#667: MMClassification 0.x as a whole.
OLD = """
model = dict(
    type="ImageClassifier",
    backbone=dict(type="MobileNetV2", widen_factor=1.0),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", num_classes=4, in_channels=1280, topk=(1,)),
)
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.4, 57.1, 57.4], to_rgb=True)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", size=224),
    dict(type="RandomFlip", flip_prob=0.5),
    dict(type="Normalize", **img_norm_cfg),
    dict(type="ImageToTensor", keys=["img"]),
    dict(type="Collect", keys=["img", "gt_label"]),
]
data = dict(
    samples_per_gpu=32,
    workers_per_gpu=2,
    train=dict(type="CustomDataset", data_prefix="{data}", pipeline=train_pipeline),
)
optimizer = dict(type="SGD", lr=0.045, momentum=0.9, weight_decay=0.00004)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy="step", gamma=0.98, step=[30, 60])
runner = dict(type="EpochBasedRunner", max_epochs=300)
checkpoint_config = dict(interval=10)
evaluation = dict(interval=1, metric="accuracy")
"""
STEPS = """
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type="mmleaves.LoadImage"), {step}dict(type="RandomResizedCrop", scale=224),
    dict(type="PackInputs"),
]))
"""


def _step(step: str) -> str:
    return STEPS.replace("{step}", step and f"{step}, ")


def _old(key: str, says: str) -> Fault:
    return Fault(f"0.x: {key}", "mmpretrain#667", OLD, "old-key", key, says, alone=True)


FAULTS = [
    _old("data", "train_dataloader = dict(batch_size=32, num_workers=2"),
    _old("optimizer", "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.045"),
    _old("lr_config", "milestones=[30, 60]"),
    _old("runner", "max_epochs=300"),
    _old("evaluation", "val_evaluator"),
    _old("checkpoint_config", "interval=10"),
    _old("img_norm_cfg", "data_preprocessor"),
    Fault(
        "0.x: epochs at the top level",
        "mmdetection#4616",
        "total_epochs = 50",
        "old-key",
        "total_epochs",
        "max_epochs=50",
    ),
    Fault(
        "0.x: batch size of the GPU beside the new loaders",
        "experience",
        "data = dict(samples_per_gpu=16, workers_per_gpu=0)",
        "old-key",
        "data",
        "batch_size=16",
    ),
    Fault(
        "0.x: steps that collect",
        "mmpretrain#1004",
        _step('dict(type="ImageToTensor", keys=["img"])'),
        "old-key",
        "train_dataloader.dataset.pipeline.1.type",
        "PackInputs",
    ),
    Fault(
        "0.x: size of a crop",
        "experience",
        """
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type="mmleaves.LoadImage"), dict(type="RandomResizedCrop", size=224),
    dict(type="PackInputs"),
]))""",
        "old-key",
        "train_dataloader.dataset.pipeline.1.size",
        "'scale'",
    ),
    Fault(
        "a cache that is switched on",
        "experience",
        "feature_cache = True",
        "setting",
        "feature_cache",
        "expected a dict such as dict(views=4), or None",
    ),
    Fault(
        "more classes than the data",
        "mmdetection#8734",
        "model = dict(head=dict(num_classes=1000))",
        "num-classes",
        "model.head.num_classes",
        "3 classes",
    ),
    Fault(
        "top 5 of three classes",
        "mmpretrain#810",
        'val_evaluator = [dict(type="Accuracy", topk=(1, 5))]',
        "topk",
        "val_evaluator.0.topk",
        "3 classes",
    ),
    Fault(
        "class weights of other data",
        "experience",
        'model = dict(head=dict(loss=dict(type="CrossEntropyLoss", '
        "class_weight=[1.0, 2.0])))",
        "num-classes",
        "model.head.loss.class_weight",
        "found 2",
    ),
    Fault(
        "validation without its loop",
        "mmpretrain#1640",
        "val_cfg = None",
        "loop",
        "val_dataloader",
        "val_cfg = dict()",
    ),
    Fault(
        "test without its evaluator",
        "OpenGVLab/InternVideo#35",
        "test_evaluator = None",
        "loop",
        "test_dataloader",
        "test_evaluator",
    ),
    Fault(
        "a plateau of a loss that is not measured",
        "mmpretrain#1934",
        'param_scheduler = [dict(type="ReduceOnPlateauLR", monitor="loss", '
        'rule="less", factor=0.1, patience=5)]\n'
        'val_evaluator = [dict(type="Accuracy", topk=(1,))]',
        "monitor",
        "param_scheduler.0.monitor",
        "accuracy",
    ),
    Fault(
        "the best by a metric of detection",
        "mmengine#1560",
        'default_hooks = dict(checkpoint=dict(save_best="coco/bbox_mAP"))',
        "monitor",
        "default_hooks.checkpoint.save_best",
        "accuracy",
    ),
    Fault(
        "the best by a top-5 that is not measured",
        "mmsegmentation#3433",
        'default_hooks = dict(checkpoint=dict(save_best="accuracy/top5"))',
        "monitor",
        "default_hooks.checkpoint.save_best",
        "accuracy/top1",
    ),
    Fault(
        "an early stop by a misspelt metric",
        "experience",
        'custom_hooks = [dict(type="mmleaves.EarlyStoppingHook", '
        'monitor="acuracy/top1", rule="greater")]',
        "monitor",
        "custom_hooks.0.monitor",
        "Nearest: accuracy",
    ),
    Fault(
        "an early stop that waits for a higher loss",
        "experience",
        'custom_hooks = [dict(type="mmleaves.EarlyStoppingHook", '
        'monitor="loss/cross_entropy", rule="greater")]',
        "monitor",
        "custom_hooks.0.rule",
        'rule="less"',
    ),
    Fault(
        "the best without validation",
        "experience",
        "val_dataloader = None\nval_cfg = None\nval_evaluator = None",
        "monitor",
        "default_hooks.checkpoint.save_best",
        "save_best=None",
    ),
    Fault(
        "a backbone of another package",
        "mmdetection#11762",
        'model = dict(backbone=dict(_delete_=True, type="mmdet.CSPNeXt"))',
        "type",
        "model.backbone.type",
        "there is no",
    ),
    Fault(
        "a misspelt backbone",
        "mmcv#2763",
        'model = dict(backbone=dict(_delete_=True, type="Resnet", depth=18))',
        "type",
        "model.backbone.type",
        "'ResNet'",
    ),
    Fault(
        "a part of ours without its scope",
        "mmengine#1013",
        'dataset = dict(type="CaltechFolder")',
        "type",
        "train_dataloader.dataset.type",
        "'mmleaves.CaltechFolders'",
    ),
    Fault(
        "a hook of 0.x",
        "mmdetection#9172",
        'custom_hooks = [dict(type="OptimizerHook")]',
        "type",
        "custom_hooks.0.type",
        "there is no",
    ),
    Fault(
        "the scope of 0.x",
        "mmengine#1003",
        'default_scope = "mmcls"',
        "scope",
        "default_scope",
        '"mmpretrain"',
    ),
    Fault(
        "a misspelt argument",
        "mmpretrain#701",
        "model = dict(backbone=dict(frozen_stage=3))",
        "argument",
        "model.backbone.frozen_stage",
        "'frozen_stages'",
    ),
    Fault(
        "momentum for AdamW",
        "experience",
        "optim_wrapper = dict(optimizer=dict(momentum=0.9))",
        "argument",
        "optim_wrapper.optimizer.momentum",
        "AdamW",
    ),
    Fault(
        "a misspelt loader",
        "experience",
        "train_dataloder = dict(batch_size=16)",
        "argument",
        "train_dataloder",
        "'train_dataloader'",
    ),
    Fault(
        "shuffle as in PyTorch",
        "experience",
        "train_dataloader = dict(shuffle=True)",
        "loader",
        "train_dataloader.shuffle",
        "DefaultSampler",
    ),
    Fault(
        "training in the order of the classes",
        "experience",
        "train_dataloader = dict(sampler=dict(shuffle=False))",
        "loader",
        "train_dataloader.sampler.shuffle",
        "shuffle=True",
    ),
    Fault(
        "a validation that never ends",
        "experience",
        'val_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler"))',
        "loader",
        "val_dataloader.sampler.type",
        "never ends",
    ),
    Fault(
        "batches larger than the data",
        "experience",
        "train_dataloader = dict(batch_size=64, drop_last=True)\n"
        "auto_scale_lr = dict(base_batch_size=64)",
        "batch",
        "train_dataloader.drop_last",
        "no step",
    ),
    Fault(
        "the steps of training in validation",
        "zhengye1995/kesci-2021-underwater-optics#3",
        """
val_dataloader = dict(dataset=dict(pipeline=[
    dict(type="mmleaves.LoadImage"), dict(type="RandomResizedCrop", scale=224),
    dict(type="PackInputs"),
]))""",
        "pipeline",
        "val_dataloader.dataset.pipeline.1",
        "RandomResizedCrop",
    ),
    Fault(
        "MixUp among the steps of an image",
        "mmdetection#6122",
        _step('dict(type="Mixup", alpha=0.8)'),
        "pipeline",
        "train_dataloader.dataset.pipeline.1",
        "augments=[",
    ),
    Fault(
        "no step that packs",
        "experience",
        """
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type="mmleaves.LoadImage"), dict(type="RandomResizedCrop", scale=224),
]))""",
        "pipeline",
        "train_dataloader.dataset.pipeline",
        "PackInputs",
    ),
    Fault(
        "normalised twice",
        "mmdetection#10691",
        _step('dict(type="Normalize", mean=[0, 0, 0], std=[1, 1, 1])'),
        "pipeline",
        "train_dataloader.dataset.pipeline.1",
        "twice",
    ),
    Fault(
        "mean and std of pixels up to 1",
        "neptune-ai/open-solution-mapping-challenge#77",
        "data_preprocessor = dict(mean=[0.485, 0.456, 0.406], "
        "std=[0.229, 0.224, 0.225])",
        "pixels",
        "data_preprocessor.std",
        "255 times",
    ),
    Fault(
        "mean of RGB for images of BGR",
        "mmagic#652",
        "data_preprocessor = dict(to_rgb=False)",
        "pixels",
        "data_preprocessor.to_rgb",
        "to_rgb=True",
    ),
    Fault(
        "mean of BGR for images of RGB",
        "mmpretrain#1799",
        "data_preprocessor = dict(mean=[103.53, 116.28, 123.675], "
        "std=[57.375, 57.12, 58.395])",
        "pixels",
        "data_preprocessor.mean",
        "[123.675, 116.28, 103.53]",
    ),
    Fault(
        "no mean at all",
        "mmpose#3008",
        "data_preprocessor = dict(_delete_=True, to_rgb=True)",
        "pixels",
        "data_preprocessor.mean",
        "found none",
    ),
    Fault(
        "a rate for another batch",
        "pytorch-image-models#814",
        "auto_scale_lr = dict(base_batch_size=1024)",
        "rate",
        "optim_wrapper.optimizer.lr",
        "1024 images",
    ),
    Fault(
        "a rate of SGD for AdamW",
        "experience",
        "optim_wrapper = dict(optimizer=dict(lr=0.1))",
        "rate",
        "optim_wrapper.optimizer.lr",
        "a rate for SGD",
    ),
    Fault(
        "milestones after the end",
        "experience",
        'param_scheduler = [dict(type="MultiStepLR", milestones=[30, 60, 90])]',
        "schedule",
        "param_scheduler.0",
        "30, 60, 90",
    ),
    Fault(
        "a warm-up longer than the run",
        "experience",
        'param_scheduler = [dict(type="LinearLR", start_factor=0.01, end=20)]',
        "schedule",
        "param_scheduler.0",
        "end=10",
    ),
    Fault(
        "a warm-up whose iterations are taken for epochs",
        "solo-learn#271",
        'param_scheduler = [dict(type="LinearLR", start_factor=0.01, end=500), '
        'dict(type="CosineAnnealingLR", T_max=10, begin=0, end=10)]',
        "schedule",
        "param_scheduler.0",
        "epoch 500",
    ),
    Fault(
        "a cosine of another run",
        "imagen-pytorch#71",
        'param_scheduler = [dict(type="CosineAnnealingLR", T_max=100)]',
        "schedule",
        "param_scheduler.0",
        "T_max=10",
    ),
    Fault(
        "epochs and iterations",
        "experience",
        "train_cfg = dict(max_iters=1000)",
        "length",
        "train_cfg",
        "one of them",
    ),
    Fault(
        "a validation after the end",
        "experience",
        "train_cfg = dict(val_interval=50)",
        "length",
        "train_cfg.val_interval",
        "no best epoch",
    ),
    Fault(
        "frozen in two ways",
        "mmpretrain#701",
        "model = dict(backbone=dict(frozen_stages=3))",
        "freezing",
        "trainable",
        "freezes twice",
    ),
    Fault(
        "a freeze pattern that matches nothing",
        "mmdetection#8107",
        r'trainable = "names:rpn_head\."',
        "freezing",
        "trainable",
        "matches no parameter",
    ),
    Fault(
        "rates by a name that no parameter has",
        "SurroundOcc#91",
        'optim_wrapper = dict(paramwise_cfg=dict(custom_keys={{"img_backbone": '
        "dict(lr_mult=0.1)}}))",
        "freezing",
        "optim_wrapper.paramwise_cfg.custom_keys.img_backbone",
        "backbone, head",
    ),
    Fault(
        "everything frozen",
        "experience",
        'optim_wrapper = dict(paramwise_cfg=dict(custom_keys={{"backbone": '
        'dict(lr_mult=0), "head": dict(lr_mult=0)}}))',
        "freezing",
        "optim_wrapper.paramwise_cfg.custom_keys",
        "nothing is learned",
    ),
    Fault(
        "more stages than there are",
        "experience",
        'trainable = "last:12"',
        "freezing",
        "trainable",
        "has 4 stages",
    ),
    Fault(
        "a head for other features",
        "experience",
        "model = dict(head=dict(in_channels=512))",
        "model",
        "model.head.in_channels",
        "in_channels=64",
    ),
    Fault(
        "weights under a name that does not exist",
        "experience",
        "model = dict(backbone=dict(init_cfg=dict("
        'type="Pretrained", '
        'checkpoint="mmleaves://mobilenetv2_in1k", prefix="backbone")))',
        "weights",
        "model.backbone.init_cfg.checkpoint",
        "mobilenet-v2_in1k",
    ),
    Fault(
        "a classifier's weights for a backbone",
        "experience",
        "model = dict(backbone=dict(init_cfg=dict("
        'type="Pretrained", '
        'checkpoint="mmleaves://mobilenet-v2_in1k")))',
        "weights",
        "model.backbone.init_cfg.prefix",
        'prefix="backbone"',
    ),
    Fault(
        "a file of weights that is not there",
        "experience",
        'load_from = "work_dirs/earlier/epoch_100.pth"',
        "weights",
        "load_from",
        "no file",
    ),
    Fault(
        "a folder that is not there",
        "experience",
        'dataset = dict(data_root="{data}/nowhere")',
        "data",
        "dataset.data_root",
        "no such folder",
    ),
    Fault(
        "the same images in both parts",
        "experience",
        'val_dataloader = dict(dataset=dict(part="train"))',
        "data",
        "val_dataloader.dataset",
        "are trained on too",
    ),
    Fault(
        "a base that is not there",
        "mmrazor#532",
        '_base_ = ["{configs}/_base_/nowhere.py"]',
        "config",
        "faulty.py",
        "cannot be read",
    ),
    Fault(
        "a number in the place of a dict",
        "mmaction2#681",
        "trainable = dict(left='all')\nrandomness = 3",
        "config",
        "faulty.py",
        "_delete_=True",
    ),
    Fault(
        "a module of one's own that is not there",
        "mmengine#1013",
        'custom_imports = dict(imports=["mmleaves.runner", "my_models"], '
        "allow_failed_imports=False)",
        "config",
        "faulty.py",
        "my_models",
    ),
]
