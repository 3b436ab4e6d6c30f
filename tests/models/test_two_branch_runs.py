"""Models of two branches, and with extra features, trained and used for real."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from filelock import FileLock
from tool_runs import ROOT

from mmleaves.commands import make_sample, predict, test, train
from mmleaves.config import load_config
from mmleaves.optim import FineTuneConstructor
from mmleaves.registry import MODELS

BRANCHES = "mobilenet-v2-224-112-concat_all_b32-adamw-cosine10_busi"
EXTRA = "mobilenet-v2-extra10-10_all_b32-adamw-cosine10_busi"
COLUMNS = ["mean", "sd", "median", "highest", "dark", "rough"]
# Two branches a quarter as wide, for 64 and 32 px, fused after stages 2 and 3.
NARROW = [
    "model.backbone.branches.fine.widen_factor=0.25",
    "model.backbone.branches.coarse.widen_factor=0.25",
    "model.backbone.sides_px.coarse=32",
    "model.backbone.type=mmleaves.CrossAttentionBranches",
    "model.backbone.after_stages=[2,3]",
    "train_dataloader.dataset.pipeline.1.scale=64",
]
NARROW_EXTRA = [
    "model.backbone.widen_factor=0.25",
    "train_dataloader.dataset.pipeline.2.scale=64",
]


def describe(image):
    """Return six numbers of an image file, in the order of `COLUMNS`."""
    grey = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE).astype(float)
    rough = np.abs(np.diff(grey)).mean()
    dark = (grey < 100).mean()
    return [grey.mean(), grey.std(), np.median(grey), grey.max(), dark, rough]


def write_features(folder, columns=COLUMNS):
    with (folder / "features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns])
        for image in sorted(folder.rglob("*.jpg")):
            row = dict(zip(COLUMNS, describe(image), strict=True))
            path = image.relative_to(folder).as_posix()
            writer.writerow([path, *(row[name] for name in columns)])


@pytest.fixture(scope="session")
def drawn(shared_tmp):
    """Folder of 48 drawn images, benign and malignant, with their features."""
    folder = shared_tmp / "drawn-branches"
    with FileLock(shared_tmp / "drawn-branches.lock"):
        if not folder.is_dir():
            half = shared_tmp / "drawn-branches-half"
            layout = ["--layout", "benign_malignant", "--per-class", "24"]
            make_sample.main([str(half), *layout, "--size", "64"])
            write_features(half)
            half.rename(folder)
    return folder


def options(folder, *settings):
    return [
        "--cfg-options",
        f"dataset.data_root={folder}",
        "train_cfg.max_epochs=2",
        "train_dataloader.batch_size=8",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
        "test_dataloader.num_workers=0",
        *settings,
    ]


def run(command, *args):
    """Run a command within this process, where its stack is loaded already."""
    command.main([*map(str, args), "--debug"])


@pytest.fixture(scope="session")
def extra_run(shared_tmp, drawn):
    """Folder of a run of two epochs with extra features."""
    folder = shared_tmp / "extra-run"
    with FileLock(shared_tmp / "extra-run.lock"):
        if not folder.is_dir():
            half = shared_tmp / "extra-run-half"
            work = ["--no-pretrained", "--work-dir", half]
            run(train, EXTRA, *work, *options(drawn, *NARROW_EXTRA))
            half.rename(folder)
    return folder


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def use(config, folder, drawn, settings, tmp_path):
    """Test and predict with a run's last weights; return metrics and predictions."""
    weights = folder / "epoch_2.pth"
    given = options(drawn, *settings)
    out, table = tmp_path / "metrics.json", tmp_path / "table.csv"
    work = ["--work-dir", tmp_path / "test"]
    run(test, config, weights, "--out", out, *work, *given)
    run(predict, config, weights, "--out", table, *given)
    return json.loads(out.read_text()), read_csv(table)


def test_two_branches_train_test_and_predict(drawn, tmp_path):
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    run(train, BRANCHES, *work, *options(drawn, *NARROW))
    rows = read_csv(tmp_path / "run/metrics.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]

    state = torch.load(tmp_path / "run/epoch_2.pth", weights_only=True)["state_dict"]
    parts = {".".join(name.split(".")[:3]) for name in state}
    assert {"backbone.branches.fine", "backbone.branches.coarse"} < parts
    written = [state[f"backbone.fusion.stage3.outputs.{i}.weight"] for i in (0, 1)]
    assert all(weight.abs().sum() > 0 for weight in written)  # it began at 0

    metrics, predicted = use(BRANCHES, tmp_path / "run", drawn, NARROW, tmp_path)
    right = sum(row["label"] == row["truth"] for row in predicted)
    assert metrics["accuracy/top1"] == pytest.approx(100 * right / len(predicted))


def test_what_is_new_in_two_branches_learns_ten_times_as_fast():
    """The head and the fusion; the branches come with weights of their own."""
    cfg = load_config(BRANCHES, NARROW)
    cfg.model.head.num_classes = 2
    model = MODELS.build(cfg.model)
    settings = cfg.optim_wrapper.to_dict()
    paramwise_cfg = settings.pop("paramwise_cfg")
    wrapper = FineTuneConstructor(settings, paramwise_cfg)(model)
    rates = {
        id(parameter): group["lr"]
        for group in wrapper.optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in model.named_parameters():
        new = name.startswith(("head.", "backbone.fusion."))
        assert rates[id(parameter)] == pytest.approx(1e-3 if new else 1e-4), name


def test_features_are_standardised_by_the_training_part_alone(extra_run, drawn):
    split = read_csv(extra_run / "split.csv")
    trained = [row["image"] for row in split if row["part"] == "train"]
    assert 0 < len(trained) < len(split)
    features = np.float32([describe(image) for image in trained]).astype(float)
    checkpoint = torch.load(extra_run / "epoch_1.pth", weights_only=True)
    state = checkpoint["state_dict"]
    for name, expected in (("mean", features.mean(0)), ("std", features.std(0))):
        stored = state[f"head.extra_{name}"].double().numpy()
        np.testing.assert_allclose(stored, expected, rtol=1e-6)
    every = np.float32([describe(row["image"]) for row in split]).astype(float)
    assert not np.allclose(every.mean(0), features.mean(0), rtol=1e-4)
    assert checkpoint["meta"]["extra_features"] == COLUMNS


def test_extra_features_are_tested_and_predicted_as_in_training(
    extra_run, drawn, tmp_path
):
    metrics, predicted = use(EXTRA, extra_run, drawn, NARROW_EXTRA, tmp_path)
    right = sum(row["label"] == row["truth"] for row in predicted)
    assert metrics["accuracy/top1"] == pytest.approx(100 * right / len(predicted))

    # Of one image alone as of all of them; its table is found above it.
    image, table = predicted[0]["image"], tmp_path / "one.csv"
    weights = extra_run / "epoch_2.pth"
    given = options(drawn, *NARROW_EXTRA)
    run(predict, EXTRA, weights, image, "--out", table, *given)
    (row,) = read_csv(table)
    for name in ("prob:benign", "prob:malignant"):
        assert float(row[name]) == pytest.approx(float(predicted[0][name]), abs=1e-5)


def test_a_resumed_run_keeps_its_mean_and_refuses_another(drawn, tmp_path):
    data = shutil.copytree(drawn, tmp_path / "data")
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    states = []
    for epochs, resume in ((1, []), (2, ["--resume"])):
        given = options(data, *NARROW_EXTRA, f"train_cfg.max_epochs={epochs}")
        run(train, EXTRA, *work, *resume, *given)
        weights = torch.load(tmp_path / f"run/epoch_{epochs}.pth", weights_only=True)
        states.append(weights["state_dict"])
    first, second = states
    assert torch.equal(first["head.extra_mean"], second["head.extra_mean"])
    assert not torch.equal(first["head.fc.weight"], second["head.fc.weight"])

    table = data / "features.csv"
    table.write_text(table.read_text().replace("jpg,", "jpg,1"))
    given = options(data, *NARROW_EXTRA, "train_cfg.max_epochs=3")
    message = r"the run began with extra_mean=\[.*Resume with the table that the run"
    with pytest.raises(ValueError, match=message):
        run(train, EXTRA, *work, "--resume", *given)


def without_a_row(folder):
    table = folder / "features.csv"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(rows[:-30] + rows[-29:]))


def constant(folder):
    table = folder / "features.csv"
    header, *rows = table.read_text().splitlines()
    rows = [",".join([*row.split(",")[:-1], "7"]) for row in rows]
    table.write_text("\n".join([header, *rows]))


def narrow(folder):
    write_features(folder, COLUMNS[:4])


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (without_a_row, [], r"features\.csv: found 47 rows and none for 'train/"),
        (
            constant,
            [],
            r"Extra features: found the same number for all \d+ training images under "
            r"'rough' \(7\), expected features that differ",
        ),
        (
            narrow,
            [],
            r"features\.csv, line 1: found 4 features \(mean, sd, median, highest\), "
            r"and the head has extra_channels=6\. Set `model\.head\.extra_channels=4`",
        ),
        (
            None,
            ["train_dataloader.dataset.pipeline.1.type=mmleaves.PadToSquare"],
            r"pipeline of BenignMalignant has no mmleaves\.AttachFeatures, .* Put it",
        ),
        (
            None,
            [
                "model.train_cfg.augments.type=Mixup",
                "model.train_cfg.augments.alpha=0.2",
            ],
            r"Mixup and CutMix mix images and labels, and not extra features\. Take",
        ),
    ],
)
def test_what_makes_extra_features_wrong_is_refused_before_the_first_epoch(
    change, settings, message, drawn, tmp_path
):
    data = shutil.copytree(drawn, tmp_path / "data")
    if change is not None:
        change(data)
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    with pytest.raises(ValueError, match=message):
        run(train, EXTRA, *work, *options(data, *NARROW_EXTRA, *settings))


def test_mixing_that_begins_later_is_refused_beside_extra_features(drawn, tmp_path):
    config = tmp_path / "own.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / f"{EXTRA}.py"}"]
mix = dict(augments=dict(type="Mixup", alpha=0.2))
custom_hooks = [
    dict(type="mmleaves.StandardizeFeaturesHook"),
    dict(type="SwitchRecipeHook", schedule=[dict(action_epoch=2, batch_augments=mix)]),
]
""")
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    with pytest.raises(ValueError, match="and `batch_augments` out of a SwitchRecipe"):
        run(train, config, *work, *options(drawn, *NARROW_EXTRA))
    assert not list(tmp_path.glob("run/*.pth"))


def test_another_head_cannot_take_extra_features(drawn, tmp_path):
    config = tmp_path / "mixed.py"
    config.write_text(
        f'_base_ = ["{ROOT / "configs" / BRANCHES}.py"]\n'
        'custom_hooks = [dict(type="mmleaves.StandardizeFeaturesHook")]\n'
    )
    work = ["--no-pretrained", "--work-dir", tmp_path / "run"]
    message = "whose head is an mmleaves.ExtraFeaturesClsHead, found FusionClsHead"
    with pytest.raises(ValueError, match=message):
        run(train, config, *work, *options(drawn, *NARROW))


def test_features_in_another_order_are_not_tested_with(extra_run, drawn, tmp_path):
    data = shutil.copytree(drawn, tmp_path / "data")
    write_features(data, COLUMNS[::-1])
    given = ["--work-dir", tmp_path / "test", *options(data, *NARROW_EXTRA)]
    message = (
        r"features\.csv, line 1: found the features rough, dark, highest, median, sd, "
        r"mean, expected mean, sd, .* as in training, in this order"
    )
    with pytest.raises(ValueError, match=message):
        run(test, EXTRA, extra_run / "epoch_2.pth", *given)
