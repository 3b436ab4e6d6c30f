"""A config's name tells the truth, and so does its header."""

import re

import pytest
from mmengine.config import Config
from tool_runs import ROOT

from mmleaves.config import load_config

CONFIGS = sorted(ROOT.glob("configs/[!_]*.py"))
ALGORITHMS = {
    "mobilenet-v2": dict(type="MobileNetV2"),
    "resnet50": dict(type="ResNet", depth=50),
    "swin-tiny": dict(type="SwinTransformer", arch="tiny"),
}
DATA = {
    "busi": ("mmleaves.BenignMalignant", "data/busi"),
    "caltech": ("mmleaves.CaltechFolders", "data/101_ObjectCategories"),
    "folders": ("mmleaves.CaltechFolders", "data/folders"),
    "leaves": ("mmleaves.LeavesCSV", "data/leaves"),
    "sample": ("mmleaves.LeavesCSV", "data/sample"),
}
# What a name leaves unsaid: SGD, with the steps of experiments.md, 1.4.
UNSAID_OPTIMIZER, UNSAID_SCHEDULE = "sgd", "steps20-40-60"


def load(path) -> Config:
    return load_config(str(path), import_custom_modules=False)


def describe(cfg: Config) -> dict[str, str]:
    """Return what a config's name should say, read from the merged config."""
    backbone = cfg.model.backbone
    (algorithm,) = [
        name
        for name, settings in ALGORITHMS.items()
        if all(backbone.get(key) == value for key, value in settings.items())
    ]
    (data,) = [
        name
        for name, (kind, root) in DATA.items()
        if (cfg.dataset.type, cfg.dataset.data_root) == (kind, root)
    ]
    frozen = backbone.get("frozen_stages", -1)
    module = {"classifier": "probe", "all": "all"}[cfg.trainable]
    if frozen >= 0:
        assert module == "all", "a probe freezes more than any stages"
        module = f"frozen{frozen}"
    return {
        "algorithm": algorithm,
        "module": module,
        "batch": f"b{cfg.train_dataloader.batch_size}",
        "optimizer": cfg.optim_wrapper.optimizer.type.lower(),
        "schedule": describe_schedule(cfg),
        "data": data,
    }


def describe_schedule(cfg: Config) -> str:
    kinds = [schedule.type for schedule in cfg.param_scheduler]
    epochs = cfg.train_cfg.max_epochs
    if "CosineAnnealingMomentum" in kinds:
        return f"cyclic{epochs}"
    last = cfg.param_scheduler[-1]
    if last.type == "MultiStepLR":
        return "steps" + "-".join(map(str, last.milestones))
    assert last.type == "CosineAnnealingLR"
    assert last.T_max + last.get("begin", 0) == epochs
    return f"cosine{epochs}"


def parse(name: str) -> dict[str, str]:
    """Return what a config's name says."""
    algorithm, module, training, data = name.split("_")
    batch, _, rest = training.partition("-")
    optimizer, schedule = UNSAID_OPTIMIZER, rest or UNSAID_SCHEDULE
    if match := re.match("(adamw)-(.*)", rest):
        optimizer, schedule = match.groups()
    return {
        "algorithm": algorithm,
        "module": module,
        "batch": batch,
        "optimizer": optimizer,
        "schedule": schedule,
        "data": data,
    }


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_does_what_its_name_says(path):
    assert parse(path.stem) == describe(load(path))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_header_gives_the_command_and_a_result(path):
    header = path.read_text().split('"""')[1]
    assert f"\npython tools/train.py configs/{path.name}\n" in header
    assert re.search(r"\bOurs: \S", header)
    assert "TBD" not in header


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_schedule_fits_into_the_run(path):
    cfg = load(path)
    epochs = cfg.train_cfg.max_epochs
    for schedule in cfg.param_scheduler:
        assert schedule.get("end", epochs) <= epochs
        assert all(milestone < epochs for milestone in schedule.get("milestones", []))


def test_a_name_that_lies_is_found():
    cfg = load(ROOT / "configs" / "resnet50_frozen2_b64_caltech.py")
    told = describe(cfg)
    for name in (
        "resnet50_frozen4_b64_caltech",
        "resnet50_frozen2_b256_caltech",
        "resnet50_frozen2_b64-steps30-60-90_caltech",
        "resnet50_frozen2_b64-adamw-steps20-40-60_caltech",
        "resnet50_frozen2_b64_leaves",
        "mobilenet-v2_frozen2_b64_caltech",
    ):
        assert parse(name) != told


def test_the_rows_of_table_1_differ_in_what_their_names_say_only():
    rows = [
        load(path)
        for path in CONFIGS
        if re.search(r"experiments\.md, 1\.[1-4]", path.read_text())
    ]
    assert len(rows) == 4
    assert {row.optim_wrapper.optimizer.lr for row in rows} == {0.1}
    for row in rows:
        row.model.backbone.pop("frozen_stages")
        row.train_dataloader.pop("batch_size")
        row.param_scheduler[-1].pop("milestones")
        row.pop("work_dir")
    assert len({row.pretty_text for row in rows}) == 1


def test_the_index_for_mim_lists_every_config():
    import yaml

    index = yaml.safe_load((ROOT / "model-index.yml").read_text())
    listed = {model["Config"] for model in index["Models"]}
    assert listed == {f"configs/{path.name}" for path in CONFIGS}
    assert {model["Name"] for model in index["Models"]} == {p.stem for p in CONFIGS}
