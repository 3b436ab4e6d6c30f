"""The split that is proposed: nothing that belongs together is divided."""

import csv
import os
from collections import Counter, defaultdict

import pytest

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.from_csv import Columns
from mmleaves.audit.from_folder import parts_of_folder
from mmleaves.audit.split_proposal import clusters, propose_split, write_split
from mmleaves.config import load_config
from mmleaves.datasets import CaltechFolders, LeavesCSV


def test_images_of_one_picture_or_group_are_one_cluster():
    # 0-1 and 1-3 are copies; 2 and 3 are of one plant, 4 is alone.
    assert clusters(5, [(0, 1), (1, 3)], [None, None, "p", "p", "q"]) == [0, 0, 0, 0, 4]


def test_each_class_is_dealt_out_evenly_and_no_cluster_divided():
    labels = ["oak"] * 60 + ["fern"] * 40
    together = [index // 2 for index in range(100)]
    parts = propose_split(labels, together, seed=1)
    assert Counter(zip(labels, parts, strict=True)) == {
        ("oak", "train"): 36, ("oak", "val"): 12, ("oak", "test"): 12,
        ("fern", "train"): 24, ("fern", "val"): 8, ("fern", "test"): 8,
    }  # fmt: skip
    found = defaultdict(set)
    for cluster, part in zip(together, parts, strict=True):
        found[cluster].add(part)
    assert {len(of) for of in found.values()} == {1}


@pytest.mark.parametrize("seed", range(5))
def test_training_has_every_class_and_the_other_parts_those_that_suffice(seed):
    # Three large classes, ten of one image, ten of three, and five of one plant each.
    labels = [f"large {i % 3}" for i in range(90)]
    labels += [f"single {i}" for i in range(10)]
    labels += [f"three {i % 10}" for i in range(30)]
    labels += [f"plant {i % 5}" for i in range(25)]
    together = list(range(len(labels)))
    for index in range(130, 155):
        together[index] = 130 + index % 5
    parts = propose_split(labels, together, seed=seed)
    held = defaultdict(set)
    for part, label in zip(parts, labels, strict=True):
        held[part].add(label)
    assert held["train"] == set(labels)
    suffice = {name for name in set(labels) if name[0] in "lt"}
    assert held["test"] >= suffice and held["val"] >= suffice
    assert len({(c, p) for c, p in zip(together, parts, strict=True)}) == len(
        set(together)
    )
    counts = Counter(parts)
    assert counts["train"] < 0.8 * len(labels)


def test_a_moved_plant_takes_all_its_images_along():
    # The only plant of the fern bears oaks too: they move with it.
    labels = ["oak"] * 30 + ["fern", "oak", "oak"]
    together = [*range(30), 30, 30, 30]
    for seed in range(5):
        assert propose_split(labels, together, seed=seed)[30:] == ["train"] * 3


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match=r"found 4 images or groups .* expected 5"):
        propose_split(list("abab"), [0, 1, 2, 3], seed=0)


@pytest.fixture
def written(folder, store, tmp_path):
    """A split of forty photographs and five changed copies."""
    for number in range(1, 6):
        source = folder / "crab" / f"image_{number:04}.jpg"
        store(source, folder / "crab" / f"copy_{number}.jpg", lambda img: img[:, ::-1])
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    return folder, tmp_path / "split", write_split(report, tmp_path / "split")


def test_copies_stay_together_and_our_data_sets_read_the_split(written):
    folder, split, result = written
    assert sum(result.sizes.values()) == 45
    parts = {}
    for part in ("train", "val", "test"):
        rows = list(csv.DictReader((split / f"{part}.csv").open()))
        parts[part] = {row["image"] for row in rows}
        by_csv = LeavesCSV(
            str(folder),
            str(split / f"{part}.csv"),
            part="all",
            classes=str(split / "classes.txt"),
            pipeline=[],
        )
        by_list = CaltechFolders(
            str(folder),
            train_list=str(split / f"{part}.txt"),
            val_per_class=0,
            pipeline=[],
        )
        assert len(by_csv) == len(by_list) == result.sizes[part] == len(rows)
        assert by_csv.CLASSES == by_list.CLASSES
        assert sorted(by_csv.get_gt_labels()) == sorted(by_list.get_gt_labels())
    for number in range(1, 6):
        pair = {f"crab/image_{number:04}.jpg", f"crab/copy_{number}.jpg"}
        assert any(pair <= images for images in parts.values())


def test_an_earlier_split_is_not_overwritten(written, folder):
    _, split, _ = written
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    with pytest.raises(FileExistsError, match=r"found train\.csv, expected a new"):
        write_split(report, split)


@pytest.mark.parametrize(
    "name",
    ["crab/a\nb.jpg", " crab/a.jpg", "crab/a\\b.jpg", os.fsdecode(b"crab/\xe9.jpg")],
)
def test_a_name_that_no_list_can_hold_is_refused_before_anything_is_written(
    folder, tmp_path, name
):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "crab" / "image_0001.jpg").rename(folder / name)
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    with pytest.raises(ValueError, match=r"--split-out .* found the name .* Rename it"):
        write_split(report, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_the_settings_of_a_folder_with_a_comma_can_be_given(tmp_path, folder):
    folder = folder.rename(tmp_path / "leaves, oak [1]")
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    result = write_split(report, tmp_path / "a, b")
    cfg = load_config("mobilenet-v2_probe_b32-adamw-cosine10_folders", result.options)
    assert cfg.dataset.data_root == str(folder)
    for part in ("train", "val", "test"):
        dataset = cfg[f"{part}_dataloader"].dataset
        assert dataset.train_list == str(tmp_path / "a, b" / f"{part}.txt")


def test_what_a_part_lacks_and_what_was_left_out_is_told(folder, tmp_path):
    for number in range(2, 11):
        (folder / "ewer" / f"image_{number:04}.jpg").unlink()
    (folder / "crab" / "image_0001.jpg").write_bytes(b"")
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    result = write_split(report, tmp_path / "split")
    assert result.lacking == {"train": [], "val": ["ewer"], "test": ["ewer"]}
    assert result.n_left_out == 1
