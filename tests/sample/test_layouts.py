import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import pytest

from mmleaves.sample.layouts import write_sample
from mmleaves.sample.settings import LAYOUTS, Settings
from mmleaves.sample.species import SPECIES

ROOT = Path(__file__).parents[2]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }


def images(folder: Path) -> dict[str, str]:
    return {name: key for name, key in digests(folder).items() if name.endswith("jpg")}


def drawn(folder: Path, layout: str, *, seed=0, per_class=6, size_px=48) -> Path:
    assert write_sample(folder, Settings(layout, seed, per_class, size_px))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_processes_write_the_same_bytes_for_a_seed(tmp_path, layout):
    for salt in ("1", "2"):
        command = [sys.executable, "tools/make_sample.py", str(tmp_path / salt)]
        command += ["--layout", layout, "--per-class", "5", "--size", "40"]
        env = os.environ | {"PYTHONHASHSEED": salt}
        subprocess.run(
            command, check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL
        )
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_another_seed_changes_every_image(tmp_path):
    first = images(drawn(tmp_path / "0", "caltech"))
    second = images(drawn(tmp_path / "1", "caltech", seed=1))
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_more_images_leave_the_first_ones_as_they_were(tmp_path):
    few = images(drawn(tmp_path / "few", "caltech", per_class=5))
    many = images(drawn(tmp_path / "many", "caltech", per_class=7))
    assert few.items() <= many.items()
    assert len(many) == len(few) / 5 * 7


def test_no_two_images_are_alike(tmp_path):
    found = images(drawn(tmp_path / "a", "benign_malignant", per_class=15))
    assert len(set(found.values())) == 30


def test_leaves_has_the_files_and_columns_of_kaggle(tmp_path):
    out = drawn(tmp_path / "leaves", "leaves", per_class=6)
    train, test = rows(out / "train.csv"), rows(out / "test.csv")
    truth, example = rows(out / "test_labels.csv"), rows(out / "sample_submission.csv")

    assert Counter(row["label"] for row in train) == dict.fromkeys(SPECIES, 4)
    assert Counter(row["label"] for row in truth) == dict.fromkeys(SPECIES, 2)
    assert list(train[0]) == list(truth[0]) == list(example[0]) == ["image", "label"]
    assert list(test[0]) == ["image"]
    test_images = [row["image"] for row in test]
    assert test_images == [row["image"] for row in truth]
    assert test_images == [row["image"] for row in example]
    listed = [row["image"] for row in train] + test_images
    assert listed == [f"images/{number}.jpg" for number in range(len(SPECIES) * 6)]
    assert set(listed) == set(images(out))
    labels = [row["label"] for row in train]
    assert labels != sorted(labels)


def test_caltech_has_one_folder_a_class_and_holds_the_pictures_of_leaves(tmp_path):
    caltech = images(drawn(tmp_path / "caltech", "caltech", per_class=5))
    names = [f"{name}/image_{n:04}.jpg" for name in SPECIES for n in range(1, 6)]
    assert sorted(caltech) == sorted(names)
    leaves = images(drawn(tmp_path / "leaves", "leaves", per_class=5))
    assert sorted(caltech.values()) == sorted(leaves.values())


def test_benign_malignant_is_balanced_in_both_splits(tmp_path):
    found = images(drawn(tmp_path / "bm", "benign_malignant", per_class=13))
    folders = Counter(str(Path(name).parent) for name in found)
    assert folders == {
        "train/benign": 10,
        "train/malignant": 10,
        "test/benign": 3,
        "test/malignant": 3,
    }


@pytest.mark.parametrize("size_px", [32, 250])
def test_images_have_the_size_asked_for(tmp_path, size_px):
    out = tmp_path / "sized"
    drawn(out, "benign_malignant", per_class=14, size_px=size_px)
    for name in images(out):
        assert cv2.imread(str(out / name)).shape == (size_px, size_px, 3)


def test_label_names_are_like_those_of_kaggle():
    assert len(SPECIES) >= 12
    assert "robinia_pseudo-ficta" in SPECIES
    assert {species.margin for species in SPECIES.values()} == {
        "entire",
        "serrate",
        "crenate",
        "lobed",
        "pointed",
    }


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    settings = Settings("caltech", 0, 5, 32)
    monkeypatch.setitem(SPECIES, "errata_ficta", None)
    with pytest.raises(AttributeError):
        write_sample(tmp_path / "out", settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("cub", 0, 5, 64), "layout is 'cub'; expected one of leaves, caltech"),
        (("leaves", -1, 5, 64), "seed is -1; expected 0 or more"),
        (("leaves", 0, 4, 64), "per_class is 4; expected 5 or more"),
        (("leaves", 0, 5, 16), "size_px is 16; expected 32 to 1024"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Settings(*values)
