"""Real trainings: what is frozen stays so, whatever else is switched on."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from tool_runs import ROOT, check, run_python, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"

# Imported by the config: a fault, a look at the weights of every process, and a
# constructor that takes all parameters, whatever the config says of an optimiser.
HOOKS = """
import hashlib
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmpretrain.engine.optimizers import Lamb
from mmleaves.registry import HOOKS, OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TakesAllConstructor:
    def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
        self.rate = optim_wrapper_cfg["rate"]

    def __call__(self, model):
        # A group each; this optimiser reads the first parameter of the first group.
        groups = [dict(params=[parameter]) for parameter in model.parameters()]
        return OptimWrapper(Lamb(groups, lr=self.rate))


@HOOKS.register_module()
class LeakHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        with torch.no_grad():
            runner.model.backbone.layer3[0].conv[0].bn.running_mean.add_(1e-3)


@HOOKS.register_module()
class FreezesHook(Hook):
    def before_train(self, runner):
        runner.model.backbone.layer3.requires_grad_(False)


@HOOKS.register_module()
class WeightsHook(Hook):
    def after_train_epoch(self, runner):
        digest = hashlib.sha256()
        for parameter in runner.model.parameters():
            digest.update(parameter.detach().numpy().tobytes())
        with open(f"{runner.work_dir}/weights-{runner.rank}.txt", "a") as file:
            print(digest.hexdigest(), file=file)
"""


@pytest.fixture(scope="module")
def small(real_data, tmp_path_factory):
    """Options for runs of seconds: two classes, six photographs each, small crops."""
    leaves = tmp_path_factory.mktemp("frozen") / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, leaves / species)
    return [
        f"dataset.data_root={leaves}",
        "train_dataloader.batch_size=3",
        "train_dataloader.dataset.pipeline.1.scale=64",
        "optim_wrapper.optimizer.lr=0.01",
    ]


def config_with(folder, hook, trainable, more=""):
    """Write a config with one of `HOOKS`; return it and where it finds them."""
    (folder / "freeze_test_hooks.py").write_text(HOOKS)
    config = folder / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
custom_imports = dict(imports=["mmleaves.runner", "freeze_test_hooks"])
custom_hooks = [dict(type="mmleaves.{hook}")]
trainable = {trainable!r}
{more}
""")
    return config, {"PYTHONPATH": str(folder)}


def state(path, key="state_dict"):
    return torch.load(path, weights_only=True)[key]


def test_lp_ft_with_ema_and_amp_freezes_first_and_trains_all_later(
    small, mobilenet_weights, tmp_path
):
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
trainable = ["classifier", "last:1@1", "all@2"]
custom_hooks = [dict(type="EMAHook", momentum=0.5)]
""")
    options = [
        *small,
        "train_cfg.max_epochs=3",
        "default_hooks.checkpoint.max_keep_ckpts=9",
    ]
    run = tmp_path / "run"
    args = [config, "--amp", "--work-dir", run, "--cfg-options", *options]
    done = check(run_tool("train", *args))

    first, second, third = (state(run / f"epoch_{n}.pth") for n in (1, 2, 3))
    averaged = [state(run / f"epoch_{n}.pth", "ema_state_dict") for n in (1, 2, 3)]
    weights = "backbone.layer1.0.conv.0.bn.running_mean", "backbone.conv1.conv.weight"
    for name in weights:
        assert torch.equal(first[name], second[name])
        assert not torch.equal(second[name], third[name])
        assert torch.equal(averaged[0][f"module.{name}"], first[name])
    late = "backbone.layer7.0.conv.0.conv.weight"
    assert not torch.equal(first[late], second[late])
    assert all(
        not torch.equal(a["head.fc.bias"], b["head.fc.bias"])
        for a, b in ((first, second), (second, third))
    )

    report = json.loads((run / "freeze.json").read_text())
    assert report["trainable"] == 1280 * 2 + 2
    assert [step["epoch"] for step in report["later"]] == [1, 2]
    assert "From epoch 2 on, 888,642 parameters are trained" in done.stdout
    assert "Frozen stayed frozen" in done.stdout

    # Resumed in the midst of it, it goes on with the policy of its epoch.
    pointer = run / "last_checkpoint"
    pointer.write_text(str(run / "epoch_1.pth"))
    resumed = check(run_tool("train", *args, "--resume"))
    assert "From epoch 3 on, 2,226,434 parameters are trained" in resumed.stdout
    again = state(run / "epoch_2.pth")
    for name in weights:
        assert torch.equal(first[name], again[name])


def test_what_is_frozen_later_moves_no_more_in_the_averages_either(small, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
trainable = ["all", "classifier@1"]
custom_hooks = [dict(type="EMAHook", momentum=0.1, update_buffers=True)]
""")
    run = tmp_path / "run"
    args = [config, "--no-pretrained", "--work-dir", run, "--cfg-options", *small]
    done = check(run_tool("train", *args, "train_cfg.max_epochs=2"))
    assert "Up to neck" in done.stdout  # its features are the averages' too
    # EMAHook saves them as "state_dict", and what is trained beside.
    averaged = state(run / "epoch_2.pth")
    trained = state(run / "epoch_2.pth", "ema_state_dict")
    kinds = (".weight", ".bias", ".running_mean", ".running_var")
    parameters = [name for name in averaged if name.endswith(kinds)]
    same = {n for n in parameters if torch.equal(averaged[n], trained[f"module.{n}"])}
    assert same == {name for name in parameters if name.startswith("backbone.")}


def test_a_constructor_of_the_config_holds_nothing_frozen(small, tmp_path):
    options = [*small, "train_cfg.max_epochs=1", "optim_wrapper.paramwise_cfg=None"]
    done = run_tool(
        *("train", CONFIG, "--no-pretrained", "--work-dir", tmp_path, "--cfg-options"),
        *(*options, "optim_wrapper.constructor=DefaultOptimWrapperConstructor"),
    )
    check(done)
    optimizer = state(tmp_path / "epoch_1.pth", "optimizer")
    assert sum(len(group["params"]) for group in optimizer["param_groups"]) == 2


def test_a_constructor_that_builds_its_own_optimiser_holds_nothing_frozen(
    small, tmp_path
):
    takes_all = (
        'dict(_delete_=True, constructor="mmleaves.TakesAllConstructor", rate=1)'
    )
    config, env = config_with(
        *(tmp_path, "WeightsHook", "classifier"), f"optim_wrapper = {takes_all}"
    )
    options = [option for option in small if "optim_wrapper" not in option]
    done = run_tool(
        *("train", config, "--no-pretrained", "--work-dir", tmp_path),
        *("--cfg-options", *options, "train_cfg.max_epochs=1"),
        env=env,
    )
    check(done)
    optimizer = state(tmp_path / "epoch_1.pth", "optimizer")
    assert [len(group["params"]) for group in optimizer["param_groups"]] == [1, 1]


def test_a_leak_ends_the_run_with_the_name_of_the_tensor(small, tmp_path):
    config, env = config_with(tmp_path, "LeakHook", "classifier")
    done = run_tool(
        *("train", config, "--no-pretrained", "--work-dir", tmp_path, "--cfg-options"),
        *(*small, "train_cfg.max_epochs=1"),
        env=env,
    )
    assert done.returncode != 0
    assert "backbone.layer3.0.conv.0.bn.running_mean" in done.stderr
    assert "frozen tensors have changed during the training" in done.stderr


def test_two_processes_agree_after_more_has_been_thawed(small, tmp_path):
    steps = ["classifier", "last:2@1", "all@2"]
    config, env = config_with(tmp_path, "WeightsHook", steps)
    done = run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2),
        *(ROOT / "tools" / "train.py", config, "--launcher", "pytorch"),
        *("--no-pretrained", "--work-dir", tmp_path, "--cfg-options", *small),
        *("train_cfg.max_epochs=3",),
        env=env,
    )
    check(done)
    mine, other = (
        (tmp_path / f"weights-{rank}.txt").read_text().split() for rank in (0, 1)
    )
    assert len(mine) == len(set(mine)) == 3
    assert mine == other


def test_two_freezes_at_once_are_refused(small, tmp_path):
    options = [*small, "model.backbone.frozen_stages=3", "trainable=last:1"]
    done = run_tool("train", CONFIG, "--work-dir", tmp_path, "--cfg-options", *options)
    assert done.returncode == 2
    assert "The config freezes twice: trainable='last:1'" in done.stderr
    assert "Keep `trainable` and leave out the other" in done.stderr


def test_a_classifier_of_timms_keeps_its_trunk(small, tmp_path):
    """Its state dict has other names than its parameters."""
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
model = dict(
    _delete_=True,
    type="TimmClassifier",
    model_name="test_vit",
    img_size=224,
    loss=dict(type="CrossEntropyLoss"),
)
""")
    run = tmp_path / "run"
    options = [
        *small,
        "train_cfg.max_epochs=2",
        "train_dataloader.dataset.pipeline.1.scale=224",
    ]
    done = check(
        run_tool("train", config, "--work-dir", run, "--cfg-options", *options)
    )
    assert "Frozen stayed frozen" in done.stdout
    report = json.loads((run / "freeze.json").read_text())
    (head,) = [row for row in report["parts"] if row["part"] == "classifier"]
    assert report["trainable"] == head["total"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["trainable=[classifier,all@2]"], "changes after 2 epochs, and the run has 2"),
        (["trainable=gradual:1"], "changes after 8 epochs, and the run has 2"),
        (
            ["trainable.left=all"],
            "gives policies by branch to 'left'; the model has none",
        ),
        (["trainable=all", "trainable.left=all"], "for the whole model and by branch"),
    ],
)
def test_a_policy_that_cannot_come_true_is_refused(small, options, message, tmp_path):
    args = ["--no-pretrained", "--work-dir", tmp_path / "run", "--cfg-options"]
    done = run_tool("train", CONFIG, *args, *small, "train_cfg.max_epochs=2", *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_a_run_is_not_resumed_with_another_policy(small, tmp_path):
    args = [CONFIG, "--no-pretrained", "--work-dir", tmp_path / "run"]
    check(run_tool("train", *args, "--cfg-options", *small, "train_cfg.max_epochs=1"))
    more = [*small, "train_cfg.max_epochs=2", "trainable=all"]
    done = run_tool("train", *args, "--resume", "--cfg-options", *more)
    assert done.returncode == 2
    assert "begun with trainable='classifier', and is resumed with 'all'" in done.stderr


def averaging(folder, trainable):
    """Write a config that averages; return it."""
    config = folder / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
trainable = {trainable!r}
custom_hooks = [dict(type="EMAHook", momentum=0.02)]
precision = "float32"
""")
    return config


@pytest.fixture(scope="module")
def averaged(small, tmp_path_factory):
    """A run of two epochs, the second of the classifier alone, and its config."""
    folder = tmp_path_factory.mktemp("averaged")
    config = averaging(folder, ["all", "classifier@1"])
    options = [*small, "train_cfg.max_epochs=2", "param_scheduler=[]"]
    work = ["--no-pretrained", "--work-dir", folder / "run"]
    check(run_tool("train", config, *work, "--cfg-options", *options))
    return config, folder / "run"


def test_a_run_starts_from_the_averages_in_what_it_freezes_too(
    averaged, small, tmp_path
):
    weights = averaged[1] / "epoch_1.pth"
    raw = state(weights, "ema_state_dict")
    config = averaging(tmp_path, "classifier")
    options = [*small, "train_cfg.max_epochs=1", f"load_from={weights}"]
    run = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    check(run_tool("train", config, *run, "--cfg-options", *options))
    given, ended = state(weights), state(tmp_path / "run" / "epoch_1.pth")
    trunk = [n for n in given if n.startswith("backbone.") and n.endswith(".weight")]
    assert all(torch.equal(given[name], ended[name]) for name in trunk)
    assert not all(torch.equal(raw[f"module.{name}"], ended[name]) for name in trunk)


def probabilities(config, weights, small, table):
    images = small[0].partition("=")[2]
    done = run_tool(
        *("predict", config, weights, images, "--out", table),
        *("--cfg-options", "precision=float32"),
    )
    check(done)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    return np.array([float(row["prob:7. Ilex aquifolium"]) for row in rows])


def test_a_checkpoint_of_averages_predicts_as_they_do(averaged, small, tmp_path):
    config, run = averaged
    weights = run / "epoch_1.pth"
    ours = probabilities(config, weights, small, tmp_path / "ours.csv")
    plain = probabilities(CONFIG, weights, small, tmp_path / "plain.csv")
    assert np.abs(ours - plain).max() < 1e-5


def test_what_was_averaged_can_be_asked_for_too(averaged, small, tmp_path):
    config, run = averaged
    weights = run / "epoch_1.pth"
    origin = tmp_path / "origin.py"
    which = "evaluate_on_ema=False, evaluate_on_origin=True"
    text = config.read_text().replace("momentum=0.02", f"momentum=0.02, {which}")
    origin.write_text(text)
    ours = probabilities(origin, weights, small, tmp_path / "ours.csv")
    both = tmp_path / "both.py"
    both.write_text(text.replace("evaluate_on_ema=False", "evaluate_on_ema=True"))
    of_both = probabilities(both, weights, small, tmp_path / "both.csv")
    done = run_tool("test", both, weights, "--tta", "--cfg-options", *small)
    assert done.returncode == 2
    assert "--tta tests one set of weights, and an EMAHook" in done.stderr

    averages = probabilities(CONFIG, weights, small, tmp_path / "averages.csv")
    stored = torch.load(weights, weights_only=True)
    raw = stored.pop("ema_state_dict")
    stored["state_dict"] = {
        name: raw[f"module.{name}"] for name in stored["state_dict"]
    }
    torch.save(stored, tmp_path / "raw.pth")
    plain = probabilities(CONFIG, tmp_path / "raw.pth", small, tmp_path / "plain.csv")
    assert np.abs(ours - plain).max() < 1e-5 < np.abs(averages - plain).max()
    assert np.abs(of_both - averages).max() < 1e-5


def test_a_stage_that_the_loss_does_not_depend_on_is_named(small, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
model = dict(
    backbone=dict(_delete_=True, type="ResNet", depth=18, out_indices=(2,)),
    head=dict(in_channels=256),
)
trainable = "last:1"
""")
    options = [*small, "train_cfg.max_epochs=1"]
    work = ["--work-dir", tmp_path / "run"]
    done = check(run_tool("train", config, *work, "--cfg-options", *options))
    told = "Had no gradient in iteration 1, and are to be trained (parameters): "
    assert done.stdout.count(told) == 1
    assert f"{told}stage 4 (layer4) (8,393,728). Either the loss" in done.stdout


def test_a_part_that_is_thawed_is_looked_at_again(small, tmp_path):
    (tmp_path / "config.py").write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
model = dict(
    backbone=dict(_delete_=True, type="ResNet", depth=18, out_indices=(2,)),
    head=dict(in_channels=256),
)
trainable = ["classifier", "all@1"]
""")
    options = [*small, "train_cfg.max_epochs=2"]
    work = ["--work-dir", tmp_path / "run", "--cfg-options", *options]
    done = check(run_tool("train", tmp_path / "config.py", *work))
    assert done.stdout.count("Had no gradient in iteration") == 1
    # The first of the second epoch.
    assert "Had no gradient in iteration 4, and are" in done.stdout


def test_what_a_hook_of_the_users_own_freezes_ends_no_run(small, tmp_path):
    config, env = config_with(tmp_path, "FreezesHook", "all")
    options = [*small, "train_cfg.max_epochs=1"]
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    done = run_tool("train", config, *work, "--cfg-options", *options, env=env)
    check(done)
    assert "Had no gradient" not in done.stdout


def test_low_rank_updates_of_another_rank_are_refused(small, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
arch = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
model = dict(
    backbone=dict(
        _delete_=True, type="VisionTransformer", arch=arch, img_size=64, patch_size=16
    ),
    neck=None,
    head=dict(_delete_=True, type="VisionTransformerClsHead", in_channels=16),
)
val_dataloader = None
val_evaluator = None
val_cfg = None
""")
    options = [*small, "train_cfg.max_epochs=1"]
    first, second = (["--work-dir", tmp_path / name] for name in ("two", "four"))
    train = ["train", config, "--no-validate"]
    check(run_tool(*train, *first, "--cfg-options", *options, "trainable=lora:2"))
    weights = f"load_from={tmp_path / 'two' / 'epoch_1.pth'}"
    done = run_tool(
        *(*train, *second, "--cfg-options", *options, "trainable=lora:4", weights)
    )
    assert done.returncode == 2
    assert "low-rank updates of rank 2, and trainable='lora:4' adds" in done.stderr
