"""Every config, with its own model and pipeline, on a few real images."""

import csv
import re
import shutil
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from mmengine.runner import Runner
from tool_runs import ROOT

from mmleaves.commands import train
from mmleaves.config import fill_datasets, load_config
from mmleaves.freezing.counting import count_parameters

CONFIGS = sorted(ROOT.glob("configs/[!_]*.py"))
# Two steps of a larger one take a core for 10 s and more. Here it is built without
# memory instead, and its pipeline read; `pytest -m slow` trains it.
MAX_PARAMETERS = 40_000_000
# Settings over a config's own, by its data: two images of each of two classes to train.
HALF = ["dataset.train_fraction=0.5", "dataset.val_fraction=0.25"]
CUT = {
    "101_ObjectCategories": ["dataset.train_per_class=3", "dataset.val_per_class=1"],
    "birds": HALF,
    "busi": ["dataset.folds=2"],
    "cifar10": HALF,
    "folders": HALF,
    "leaves": ["dataset.folds=2"],
    "sample": ["dataset.folds=2"],
}
SHORT = [
    "train_cfg.max_epochs=1",
    "train_dataloader.batch_size=2",
    *[f"{part}_dataloader.num_workers=0" for part in ("train", "val", "test")],
]
# Writing the weights of the larger ones takes longer than all the rest.
UNSAVED = [
    "default_hooks.checkpoint.interval=-1",
    "default_hooks.checkpoint.save_last=False",
    "default_hooks.checkpoint.save_best=None",
]


def copy_classes(source, target, count=4):
    """Copy the first images of the last two class folders."""
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in folders[-2:]:
        (target / folder.name).mkdir(parents=True)
        for image in sorted(folder.iterdir())[:count]:
            shutil.copy(image, target / folder.name)


def copy_leaves(source, target):
    """Copy four images of each of two species, and their rows of ``train.csv``."""
    with (source / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    species = sorted({row["label"] for row in rows})[:2]
    (target / "images").mkdir(parents=True)
    with (target / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "label"])
        writer.writeheader()
        for name in species:
            for row in [row for row in rows if row["label"] == name][:4]:
                shutil.copy(source / row["image"], target / row["image"])
                writer.writerow(row)


@pytest.fixture(scope="session")
def few_images(unpacked_data, shared_tmp):
    """Folder with a few real images in the layout of every config's data."""
    done = shared_tmp / "few-images"
    with FileLock(shared_tmp / "few-images.lock"):
        if not done.is_dir():
            half = shared_tmp / "few-images-half"
            copy_classes(
                unpacked_data / "101_ObjectCategories", half / "101_ObjectCategories"
            )
            copy_classes(unpacked_data / "cub200_2010/images", half / "birds")
            copy_classes(unpacked_data / "leaf_uci_folders", half / "folders")
            for part in ("train", "test"):
                copy_classes(unpacked_data / "busi" / part, half / "busi" / part)
                copy_classes(unpacked_data / "cifar10" / part, half / "cifar10" / part)
            for name in ("leaves", "sample"):
                copy_leaves(unpacked_data / "leaves", half / name)
            write_features(half / "busi")
            half.rename(done)
    return done


def write_features(folder):
    """Write six numbers for each image, as for the configs with other features."""
    images = sorted(folder.rglob("*.png"))
    with (folder / "features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *"abcdef"])
        for number, image in enumerate(images):
            row = [number * power for power in range(1, 7)]
            writer.writerow([image.relative_to(folder).as_posix(), *row])


def settings_for(path, few_images):
    """Return the settings that make a run of a config two steps on a few images."""
    cfg = load_config(str(path), import_custom_modules=False)
    name = cfg.dataset.data_root.removeprefix("data/")
    alone = ["load_from=None"] if cfg.load_from else []
    root = f"dataset.data_root={few_images / name}"
    return [root, *CUT[name], *SHORT, *UNSAVED, *alone, *each_an_epoch(cfg.trainable)]


def each_an_epoch(trainable):
    """Return the settings that give each of the policies over time one epoch."""
    if not isinstance(trainable, list):
        return []
    first, *later = (policy.partition("@")[0] for policy in trainable)
    policies = [first, *(f"{policy}@{epoch}" for epoch, policy in enumerate(later, 1))]
    epochs = f"train_cfg.max_epochs={len(policies)}"
    return [f"trainable=[{','.join(policies)}]", epochs]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_trains(path, few_images, tmp_path):
    settings = settings_for(path, few_images)
    cfg = load_config(str(path), settings)
    report, _ = count_parameters(cfg)
    assert 0 < report["trainable"] <= report["total"]
    if report["total"] <= MAX_PARAMETERS:
        train_two_steps(path, settings, tmp_path)
        return
    fill_datasets(cfg)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.persistent_workers = False
        batch = next(iter(Runner.build_dataloader(loader, seed=0)))
        assert batch["inputs"].dtype == torch.uint8


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_larger_config_trains(path, few_images, tmp_path):
    settings = settings_for(path, few_images)
    report, _ = count_parameters(load_config(str(path), settings))
    if report["total"] > MAX_PARAMETERS:
        train_two_steps(path, settings, tmp_path)


def train_two_steps(path, settings, folder):
    arguments = [str(path), "--no-pretrained", "--work-dir", str(folder), "--debug"]
    train.main([*arguments, "--cfg-options", *settings])
    metrics = (folder / "metrics.csv").read_text().splitlines()
    epochs = load_config(str(path), settings).train_cfg.max_epochs
    assert len(metrics) == 1 + epochs  # below a header


def test_the_second_part_of_a_run_starts_from_the_best_weights_of_the_first(
    few_images, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    first = "resnet18-biased_all_b32-cosine10_cifar10"
    second = "resnet18-biased_all_b32-constant10-continued_cifar10"
    settings = [f"dataset.data_root={few_images / 'cifar10'}", *HALF, *SHORT]
    for name, more in ((first, []), (second, ["optim_wrapper.optimizer.lr=0"])):
        config = ROOT / "configs" / f"{name}.py"
        train.main([str(config), "--debug", "--cfg-options", *settings, *more])
    (best,) = Path("work_dirs", first).glob("best_accuracy_top1_epoch_*.pth")
    begun, gone_on = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (best, Path("work_dirs", second, "epoch_1.pth"))
    )
    # With a rate of 0 the weights stay; BatchNorm's statistics follow the images.
    weights = [name for name in begun if name.endswith((".weight", ".bias"))]
    assert len(weights) == 82
    assert all(torch.equal(begun[name], gone_on[name]) for name in weights)


TABLE_3 = [p for p in CONFIGS if re.search(r"experiments\.md, 3\.\d", p.read_text())]


@pytest.mark.parametrize("path", TABLE_3, ids=lambda path: path.stem)
def test_a_header_counts_parameters_truly(path):
    counts = re.search(
        r"([\d,]+)\s+parameters,\s+([\d,]+)\s+of\s+them\s+trained", path.read_text()
    )
    assert counts
    cfg = load_config(str(path))
    report, _ = count_parameters(cfg, cfg.reference_classes)
    assert (f"{report['total']:,}", f"{report['trainable']:,}") == counts.groups()
