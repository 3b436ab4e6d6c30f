"""Losses, mixed images and the best epoch, each in a real training of two epochs."""

import csv
import re

import pytest
from tool_runs import ROOT, check, run_tool

from mmleaves.config import load_config
from mmleaves.optim.schedule_curves import schedule_curves

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_busi"
LOSS = "model.head.loss"
WEIGHTS = f"{LOSS}.class_weight"
MIX = "model.train_cfg.augments"
BEST = "default_hooks.checkpoint.save_best"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Options for runs of seconds on drawn scans, benign and malignant."""
    folder = tmp_path_factory.mktemp("drawn") / "scans"
    layout = ["--layout", "benign_malignant", "--per-class", 20, "--size", 64]
    check(run_tool("make_sample", *layout, folder))
    return [
        f"dataset.data_root={folder}",
        "train_cfg.max_epochs=2",
        "train_dataloader.batch_size=8",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
        "train_dataloader.persistent_workers=False",
        "train_dataloader.dataset.pipeline.1.scale=32",
    ]


def train(folder, drawn, *settings):
    options = ["--no-pretrained", "--cfg-options", *drawn, *settings]
    return run_tool("train", CONFIG, "--work-dir", folder, *options)


def metrics(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(
    ("settings", "best", "better"),
    [
        (
            [
                *(f"{LOSS}.type=CrossEntropyLoss", f"{WEIGHTS}.malignant=2.0"),
                f"{WEIGHTS}.benign=1.0",
            ],
            "binary/auroc",
            max,
        ),
        (
            [
                *(f"{LOSS}.type=LabelSmoothLoss", f"{LOSS}.label_smooth_val=0.1"),
                *(f"{WEIGHTS}=auto", f"{MIX}.type=Mixup", f"{MIX}.alpha=0.2"),
            ],
            "loss/cross_entropy",
            min,
        ),
        (
            [
                *(f"{LOSS}.type=mmleaves.SoftmaxFocalLoss", f"{LOSS}.gamma=2.0"),
                *(f"{WEIGHTS}=auto", f"{MIX}.type=CutMix", f"{MIX}.alpha=1.0"),
            ],
            "accuracy/top1",
            max,
        ),
    ],
    ids=["weights by name", "smoothing and Mixup", "focal and CutMix"],
)
def test_a_loss_trains_and_the_best_epoch_is_by_the_metric_named(
    drawn, tmp_path, settings, best, better
):
    done = check(train(tmp_path, drawn, *settings, f"{BEST}={best}"))
    rows = metrics(tmp_path)
    assert len(rows) == 2
    assert all(0 < row["train/loss"] < 10 for row in rows)
    values = [row[f"val/{best}"] for row in rows]
    epoch = values.index(better(values)) + 1
    name = best.replace("/", "_")
    assert [p.name for p in tmp_path.glob("best_*")] == [
        f"best_{name}_epoch_{epoch}.pth"
    ]
    if "malignant" in settings[1]:
        said = "Class weights, by name: benign (label 0) 1, malignant (label 1) 2."
        assert said in done.stdout
        # The table of the classes: label, images in train and val, weight.
        assert re.search(r"^benign +0 +\d+ +\d+ +1$", done.stdout, re.MULTILINE)
        assert re.search(r"^malignant +1 +\d+ +\d+ +2$", done.stdout, re.MULTILINE)
    else:
        assert "Class weights, images / (2 classes x images of the" in done.stdout
    # The drawing of the schedule says what the run did, and the run what is amiss.
    assert "T_max is 10, and it has 2 epochs" in done.stdout
    assert "is for 32 images a step" in done.stdout
    curves, iters = schedule_curves(load_config(CONFIG, [*drawn, *settings]))
    assert [row["lr"] for row in rows] == pytest.approx(curves[0].rates[::iters])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            [f"{LOSS}.type=CrossEntropyLoss", f"{WEIGHTS}.malign=2.0"],
            "class_weight of the loss names 'malign', which is no class; there are "
            "'benign', 'malignant'.",
        ),
        ([f"{BEST}=recall/macro"], f"{BEST} is 'recall/macro', and no 'recall' is"),
        (
            [f"{BEST}=binary/auc"],
            "no 'binary/auc' is measured. There are: accuracy/top1",
        ),
    ],
)
def test_a_name_that_is_none_is_refused(drawn, tmp_path, settings, text):
    done = train(tmp_path, drawn, *settings)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("'auto'", "Class weights, images / (2 classes x images of the class), 'auto'"),
        (
            "dict(benign=1, malignant=2)",
            "Class weights, by name: benign (label 0) 1, m",
        ),
    ],
)
def test_a_loss_that_comes_later_has_its_class_weights_too(
    drawn, tmp_path, weights, told
):
    config = tmp_path / "own.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{CONFIG}.py"}"]
loss = dict(type="CrossEntropyLoss", class_weight={weights})
custom_hooks = [
    dict(type="SwitchRecipeHook", schedule=[dict(action_epoch=2, loss=loss)])
]
""")
    options = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    done = check(run_tool("train", config, *options, "--cfg-options", *drawn))
    assert told in done.stdout
    assert "Switch loss at epoch 2" in done.stdout
