import re
import shlex
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope
from tool_runs import ROOT

from mmleaves.commands import make_sample, train
from mmleaves.config import fill_datasets, load_config
from mmleaves.datasets import BenignMalignant, CaltechFolders, LeavesCSV
from mmleaves.registry import DATASETS


@pytest.mark.parametrize(
    ("dataset", "name", "messages"),
    [
        (
            CaltechFolders,
            "101_ObjectCategories",
            [
                r"found no such folder, expected the folder of Caltech-101\. Get ",
                r"caltech-101\.zip from https://data\.caltech\.edu/records/mzrjq-6wc02",
                r"unpack the 101_ObjectCategories\.tar\.gz inside it so that it is ",
                r"make_sample\.py --layout caltech --per-class 40 \S*/101_ObjectCat",
            ],
        ),
        (
            LeavesCSV,
            "leaves",
            [
                r"`kaggle competitions download -c classify-leaves`",
                r"`python tools/make_sample\.py --layout leaves \S*/leaves` draws a s",
            ],
        ),
        (
            BenignMalignant,
            "busi",
            [
                r"scholar\.cu\.edu\.eg.*\"breast-ultrasound-images-dataset\"",
                r"tools/make_sample\.py --layout benign_malignant \S*/busi` draws",
            ],
        ),
        (
            CaltechFolders,
            "birds",
            [
                r"found no such folder, expected the folder of CUB-200 of 2010\. Get ",
                r"images\.tgz from https://www\.vision\.caltech\.edu/datasets/ and ",
                r"unpack it so that it is \S*/birds\.",
            ],
        ),
        (
            CaltechFolders,
            "cifar10",
            [
                r"make_sample\.py --layout caltech --size 32 \S*/cifar10/train` and ",
                r"--layout caltech --size 32 --seed 1 \S*/cifar10/test` draw a stand-",
            ],
        ),
        (
            CaltechFolders,
            "my leaves",
            [
                r"my leaves: found no such folder, expected a folder with one folder",
                r"Correct `data_root`\. To try without it, .*--per-class 40 '\S*/my l",
            ],
        ),
    ],
)
def test_a_missing_folder_says_how_to_get_its_data(tmp_path, dataset, name, messages):
    with pytest.raises(FileNotFoundError) as error:
        dataset(str(tmp_path / name))
    for message in messages:
        assert error.match(message)


def test_an_archive_is_to_be_unpacked(tmp_path):
    archive = tmp_path / "101_ObjectCategories.tar.gz"
    archive.write_bytes(b"\x1f\x8b")
    message = r"found a file, expected the folder of Caltech-101\. .*mmleaves unp"
    with pytest.raises(NotADirectoryError, match=message):
        CaltechFolders(str(archive))


def test_the_users_own_folder_may_be_written_with_a_tilde(make_folders, monkeypatch):
    root = make_folders({"acer": 1, "tilia": 1})
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(CaltechFolders("~/set", part="all")) == 2


def follow(message):
    """Run a message's commands in this folder, for fewer and smaller images."""
    commands = re.findall(r"`python tools/make_sample\.py (.+?)`", str(message))
    for command in commands:
        make_sample.main([*shlex.split(command), "--per-class", "10", "--size", "32"])
    return commands


def test_what_is_drawn_in_place_of_cifar10_starts_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = [
        str(ROOT / "configs" / "resnet18-biased_all_b32-cosine10_cifar10.py"),
        "--debug",
        "--cfg-options",
        "train_cfg.max_epochs=1",
        "param_scheduler.0.T_max=1",
        "param_scheduler.0.end=1",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
    ]
    with pytest.raises(FileNotFoundError, match=r"^data/cifar10: found no") as missing:
        train.main(run)
    commands = follow(missing.value)
    assert len(commands) == 2
    page = (ROOT / "docs" / "folding.md").read_text()
    assert all(f"\npython tools/make_sample.py {line}\n" in page for line in commands)
    train.main(run)
    (metrics,) = Path("work_dirs").rglob("metrics.csv")
    assert len(metrics.read_text().splitlines()) == 2  # a header, and one epoch
    # The test part has images of its own.
    train_image, test_image = (
        min(Path("data/cifar10", part).rglob("*.jpg")) for part in ("train", "test")
    )
    assert train_image.read_bytes() != test_image.read_bytes()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        # 9 and 1 of the 10 a class of train/, and all of test/.
        ("resnet18-biased_all_b32-cosine10_cifar10", (14 * 9, 14, 14 * 10)),
        ("vit-base_attention4_b16-adamw-steps40-80_birds", (14 * 8, 14, 14)),
    ],
)
def test_a_stand_in_has_every_part_that_its_configs_read(
    tmp_path, monkeypatch, name, counts
):
    monkeypatch.chdir(tmp_path)
    cfg = load_config(str(ROOT / "configs" / f"{name}.py"))
    fill_datasets(cfg)
    parts = [
        cfg[f"{part}_dataloader"].dataset | dict(pipeline=[])
        for part in ("train", "val", "test")
    ]
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        with pytest.raises(FileNotFoundError) as missing:
            DATASETS.build(parts[0])
        follow(missing.value)
        assert tuple(len(DATASETS.build(part)) for part in parts) == counts
