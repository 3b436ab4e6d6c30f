"""What every tool and command does before it does its work."""

import ast
import subprocess
import sys

import pytest
from tool_runs import ROOT, check, run_python, run_tool

from mmleaves.cli import COMMANDS

TOOLS = sorted(ROOT.glob("tools/*.py"))
# Commands that are called otherwise than their tool.
CALLED = {"check_data": "check"}


def command_of(tool):
    return CALLED.get(tool.stem, tool.stem.replace("_", "-"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_help_is_answered_without_loading_the_stack(tool):
    """It is what makes --help quick: nothing heavy is imported at the top."""
    code = f"""
import runpy, sys
sys.argv = ["{tool.name}", "--help"]
try:
    runpy.run_path("{tool}", run_name="__main__")
except SystemExit as end:
    assert not end.code
heavy = {{"torch", "mmengine", "mmpretrain", "cv2", "numpy"}} & sys.modules.keys()
assert not heavy, heavy
"""
    done = check(run_python("-c", code))
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_a_tool_is_a_command_too(tool):
    name = command_of(tool)
    assert name in COMMANDS
    told = run_tool(tool.stem, "--help").stdout
    done = check(run_python("-m", "mmleaves.cli", name, "--help"))
    first = f"usage: mmleaves {name} "
    assert done.stdout.startswith(first)
    assert done.stdout.split("options:")[1] == told.split("options:")[1]


def test_every_command_is_a_tool_too():
    assert {command_of(tool) for tool in TOOLS} == set(COMMANDS)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_a_tool_is_a_thin_shell(tool):
    assert len(ast.parse(tool.read_text()).body) == 3


def test_an_unknown_command_is_refused_with_the_list():
    done = run_python("-m", "mmleaves.cli", "trian")
    assert done.returncode == 2
    assert "there is no command 'trian'" in done.stderr
    assert "train" in done.stderr


def test_print_config_shows_bases_and_settings_merged():
    done = check(
        run_tool(
            *("print_config", "resnet50_frozen2_b64_caltech"),
            *("--cfg-options", "dataset.data_root=my/leaves"),
        )
    )
    namespace: dict = {}
    exec(done.stdout, namespace)
    assert namespace["optim_wrapper"]["optimizer"]["lr"] == 0.1
    assert namespace["default_hooks"]["timer"]["type"] == "IterTimerHook"
    assert namespace["dataset"]["data_root"] == "my/leaves"
    assert done.stderr == ""


def test_an_unknown_config_is_refused_with_the_nearest():
    done = run_tool("print_config", "resnet50_frozen3_b64_caltech")
    assert done.returncode == 2
    assert "There is no config 'resnet50_frozen3_b64_caltech'" in done.stderr
    assert "Nearest: resnet50_frozen2_b64_caltech" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (
            "optim_wraper.optimizer.lr=1",
            "nothing reads 'optim_wraper'. Nearest: optim_w",
        ),
        (
            "optim_wrapper.optimizer.weigth_decay=1",
            "nothing reads 'weigth_decay' in optim_wrapper.optimizer. Nearest: "
            "optim_wrapper.optimizer.weight_decay",
        ),
        (
            "model.backbone.frozen_stage=2",
            "nothing reads 'frozen_stage' in model.backbone. Nearest: "
            "model.backbone.frozen_stages",
        ),
        (
            "dataset.train_per_clas=9",
            "nothing reads 'train_per_clas' in dataset. Nearest: "
            "dataset.train_per_class",
        ),
        (
            "train_dataloader.batchsize=9",
            "nothing reads 'batchsize' in train_dataloader. Nearest: "
            "train_dataloader.batch_size",
        ),
        ("randomness.sed=1", "Nearest: randomness.seed"),
        ("train_cfg.max_epoch=3", "Nearest: train_cfg.max_epochs"),
        (
            "optim_wrapper.acumulative_counts=4",
            "Nearest: optim_wrapper.accumulative_counts",
        ),
        ("optim_wrapper.optimizr.lr=1", "Nearest: optim_wrapper.optimizer"),
        (
            "optim_wrapper.paramwise_cfg.norm_decay_mul=0",
            "Nearest: optim_wrapper.paramwise_cfg.norm_decay_mult",
        ),
        ("default_hooks.checkpont.save_best=x", "Nearest: default_hooks.checkpoint"),
        ("default_hooks.early.patience=3", "nothing reads 'early' in default_hooks"),
        ("data_preprocessor.to_rbg=True", "Nearest: data_preprocessor.to_rgb"),
        ("log_processor.windowsize=3", "Nearest: log_processor.window_size"),
        ("test_dataloader.dataset.prt=val", "Nearest: test_dataloader.dataset.part"),
        ("model.backbone.nonsense=1", "There are: "),
        ("model.backbone.type=ResNet51", "there is no 'ResNet51'. Nearest: ResNet"),
        ("optim_wrapper.optimizer.type=Adamm", "there is no 'Adamm'. Nearest: Adam"),
        ("optim_wrapper.optimizer.lr=abc", "found 'abc', expected a number"),
        ("train_dataloader.batch_size=8,16", "found '8,16', expected a number"),
        ("dataset=foo", "found 'foo', expected settings of its keys"),
        ("param_scheduler.7.end=1", "param_scheduler is a list of 2 items"),
        ("custom_hooks=[dict(type='EMAHook')]", "a dict is not written as a value"),
        ("param_scheduler.1.milestones=f(a,b)", "its brackets cannot be read"),
        ("trainable", "takes KEY=VALUE, and 'trainable' has no '='"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_real_one(option, text):
    from mmleaves.config import load_config

    with pytest.raises(ValueError) as error:
        load_config("resnet50_frozen2_b64_caltech", [option])
    assert text in str(error.value)


@pytest.mark.parametrize(
    "option",
    [
        "model.head.num_classes=7",
        "model.backbone.with_cp=True",
        "train_dataloader.dataset.part=all",
        "default_hooks.ema.type=EMAHook",
        "optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult=10",
        "train_dataloader.drop_last=True",
        "train_dataloader.dataset.pipeline.1.scale=160",
        "visualizer.vis_backends.0.type=TensorboardVisBackend",
        "trainable=classifier",
        "train_dataloader.collate_fn.type=pseudo_collate",
        "train_dataloader.sampler.type=RepeatAugSampler",
        "model.backbone.norm_cfg.type=SyncBN",
        "randomness.deterministic=True",
        "optim_wrapper.accumulative_counts=4",
        "optim_wrapper.clip_grad.max_norm=1",
        "val_evaluator.0.topk=1,5",
        "default_hooks.early_stopping.type=mmleaves.EarlyStoppingHook",
    ],
)
def test_a_setting_that_something_reads_is_taken(option):
    from mmleaves.config import load_config

    load_config("resnet50_frozen2_b64_caltech", [option])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dataset.data_root=my own folder", "my own folder"),
        ("dataset.data_root=2024", "2024"),
        ("dataset.data_root=a,b", "a,b"),
        ("optim_wrapper.optimizer.lr=1e-3", 1e-3),
        ("train_dataloader.dataset.pipeline.1.crop_ratio_range=(0.5,1)", (0.5, 1)),
        ("param_scheduler.1.milestones=1,2", [1, 2]),
        ("param_scheduler.1.milestones=[1,2]", [1, 2]),
        ("dataset.classes=[acer,quercus]", ["acer", "quercus"]),
        ("model.backbone.init_cfg=None", None),
        ("auto_scale_lr.enable=true", True),
    ],
)
def test_a_setting_means_what_it_says(option, value):
    from mmleaves.config import load_config

    cfg = load_config("resnet50_frozen2_b64_caltech", [option])
    node = cfg._cfg_dict
    for part in option.partition("=")[0].split("."):
        node = node[int(part)] if part.isdigit() else node[part]
    assert node == value
    assert type(node) is type(value)


def test_a_new_type_comes_with_arguments_of_its_own():
    from mmleaves.config import load_config

    loss = "model.head.loss"
    settings = [f"{loss}.type=FocalLoss", f"{loss}.gamma=1.5"]
    config = "mobilenet-v2_all_b32-adamw-cosine10_caltech"
    assert load_config(config, settings).model.head.loss.gamma == 1.5
    with pytest.raises(ValueError, match="nothing reads 'gamma' in model"):
        load_config(config, settings[1:])


def test_settings_by_name_take_the_place_of_one_word():
    from mmleaves.config import load_config

    weight = "model.head.loss.class_weight"
    settings = [f"{weight}.benign=1", f"{weight}.malignant=2.5"]
    config = "mobilenet-v2_all_b32-adamw-cosine10_busi"
    assert load_config(config).model.head.loss.class_weight == "auto"
    loss = load_config(config, settings).model.head.loss
    assert loss.class_weight == {"benign": 1, "malignant": 2.5}


def test_debug_shows_where_an_error_came_from():
    done = run_tool("print_config", "nothing", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileNotFoundError" in done.stderr


def test_a_reader_that_goes_away_or_was_never_there_is_no_error():
    config = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
    command = f"{sys.executable} {ROOT / 'tools' / 'print_config.py'} {config}"
    # What fits into the pipe before the reader is gone is no error either.
    for given, codes in ((f"{command} | true", {0, 141}), (f"{command} >&-", {0})):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", given], capture_output=True, text=True
        )
        assert done.returncode in codes, done.stderr
        assert "Error" not in done.stderr
