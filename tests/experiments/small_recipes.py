"""Configs that train in a second on drawn leaves, for tests of whole experiments."""

from tool_runs import ROOT, check, run_tool

TINY = """
_base_ = [
    "{configs}/data/{data}.py",
    "{configs}/schedules/adamw_cosine10.py",
    "{configs}/default_runtime.py",
]
dataset = dict(data_root="{root}")
pipeline = [
    dict(type="mmleaves.LoadImage"),
    dict(type="Resize", scale=(32, 32)),
    dict(type="PackInputs"),
]
loader = dict(num_workers=0, persistent_workers=False, dataset=dict(pipeline=pipeline))
train_dataloader = val_dataloader = test_dataloader = loader
model = dict(
    type="ImageClassifier",
    backbone=dict(type="MobileNetV2", widen_factor=0.1),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="LinearClsHead", in_channels={channels}, loss=dict(type="CrossEntropyLoss")
    ),
)
optim_wrapper = dict(optimizer=dict(lr={rate}))
param_scheduler = []
train_cfg = dict(max_epochs=2)
"""


def write_recipe(path, root, *, data="busi", rate=1e-3, channels=1280, more=""):
    """Write a config; the channels of a working one are those of the net, 1280."""
    settings = {"data": data, "root": root, "rate": rate, "channels": channels}
    configs = ROOT / "configs" / "_base_"
    path.write_text(TINY.format(configs=configs, **settings) + more)
    return path


def draw_scans(folder):
    """Draw 36 leaves of two classes to train with, and 12 to test with."""
    options = ["--layout", "benign_malignant", "--per-class", "24", "--size", "48"]
    check(run_tool("make_sample", *options, folder))
    return folder
