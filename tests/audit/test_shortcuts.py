"""Cues that give the label away: in uneven classes, and without copies and groups."""

import cv2
import numpy as np
import pytest
from PIL import Image

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.from_csv import Columns
from mmleaves.audit.from_folder import parts_of_folder
from mmleaves.audit.image_facts import ImageFacts
from mmleaves.audit.parts import Item
from mmleaves.audit.shortcuts import is_clear, shortcut_findings


def cues(folder):
    report = audit_parts(*parts_of_folder(str(folder), Columns()))
    found = [f for f in report.findings if f.kind == "shortcut"]
    return {f.where.partition(", ")[2]: (f.severity, f.found) for f in found}


@pytest.fixture
def planes(caltech):
    return sorted((caltech / "airplanes").glob("*"))[:60]


def stored(source, target, side_px):
    target.parent.mkdir(parents=True, exist_ok=True)
    img = Image.open(source).convert("RGB").resize((side_px, side_px))
    img.save(target)


def test_cues_are_told_where_nine_of_ten_images_are_of_one_class(planes, tmp_path):
    for i, plane in enumerate(planes):
        if i % 10:
            stored(plane, tmp_path / "set" / "benign" / f"{i}.jpg", 200)
        else:
            stored(plane, tmp_path / "set" / "malignant" / f"{i}.png", 300)
    found = cues(tmp_path / "set")
    assert set(found) == {"size", "format"}
    severity, text = found["format"]
    assert severity == "warning"
    assert "of 100% of a class's images, on average over 2 classes (60 im" in text
    assert text.endswith("guessing tells 50%.")


def test_no_cue_is_told_in_uneven_classes_that_do_not_differ(planes, tmp_path):
    for i, plane in enumerate(planes):
        label = "benign" if i % 10 else "malignant"
        stored(plane, tmp_path / "set" / label / f"{i}.jpg", 200)
    assert cues(tmp_path / "set") == {}


def test_how_clear_an_accuracy_is_depends_on_the_smaller_class():
    # Standard errors: sqrt(0.25 / 50 + 0.25 / 450) / 2 = 0.0373, four are 0.149;
    # of two classes of 250, sqrt(0.25 / 250 * 2) / 2 = 0.0224, four are 0.0894 < 0.1.
    assert is_clear(0.66, [50, 450]) and not is_clear(0.64, [50, 450])
    assert is_clear(0.61, [250, 250]) and not is_clear(0.59, [250, 250])


def coloured(labels, patients, rng):
    """Return images of noise in the colour of their patient, and facts of each."""
    colours = rng.randint(20, 200, (max(patients) + 1, 3))
    items = [Item(str(i), "train", label) for i, label in enumerate(labels)]
    facts = {}
    for item, patient in zip(items, patients, strict=True):
        noise = rng.randint(-4, 5, (32, 32, 3)) + rng.randint(-2, 3, 3)
        thumbnail = (colours[patient] + noise).astype(np.uint8)
        facts[item.path] = ImageFacts(
            *(rng.bytes(16), rng.bytes(16), 100, 100, "PNG RGB"), thumbnail
        )
    return items, facts


def test_what_tells_the_patient_alone_is_no_cue(recwarn):
    rng = np.random.RandomState(0)
    patients = np.repeat(np.arange(40), 10).tolist()
    label_of = rng.permutation(["benign", "malignant"] * 20).tolist()
    items, facts = coloured([label_of[p] for p in patients], patients, rng)
    single = shortcut_findings(items, facts, "train")
    assert {f.where for f in single} == {"train, mean colour", "train, border"}
    assert shortcut_findings(items, facts, "train", together=patients) == []
    assert not recwarn.list


def test_a_cue_of_the_class_is_told_by_patients_too():
    rng = np.random.RandomState(0)
    patients = np.repeat(np.arange(40), 10).tolist()
    items, facts = coloured(["benign"] * 200 + ["malignant"] * 200, patients, rng)
    for item in items[200:]:
        facts[item.path].thumbnail[:] //= 8  # darker than any benign one
    found = shortcut_findings(items, facts, "train", together=patients)
    assert {f.where for f in found} == {"train, mean colour", "train, border"}
    assert "of 100% of a class's images" in found[0].found


def test_a_drawn_sample_of_many_images_has_one_of_each_patient_first(recwarn):
    rng = np.random.RandomState(0)
    # A class of 2,000 images of one patient, and one each of four others.
    patients = [0] * 2000 + [1, 2, 3, 4] + list(range(5, 305))
    labels = ["rare patients"] * 2004 + ["other"] * 300
    items, facts = coloured(labels, patients, rng)
    # The five patients stay, and are too few to say anything by.
    assert shortcut_findings(items, facts, "train", together=patients) == []
    assert not recwarn.list


def test_near_copies_in_other_folds_tell_nothing(photos, store, tmp_path):
    for i, photo in enumerate(photos):
        for quality in (50, 60, 70, 80):
            target = (
                tmp_path / "set" / "ab"[i % 2] / f"{'xyz'[i % 3]} {i}-{quality}.jpg"
            )
            store(photo, target, lambda img: cv2.resize(img, (160, 160)), quality)
    assert cues(tmp_path / "set") == {}


def test_groups_guessed_from_names_hide_no_cue(photos, tmp_path):
    # Two series a class: they may be cameras, or anything.
    for i, photo in enumerate(photos):
        label, ending = ("a", "jpg") if i < 20 else ("b", "png")
        stored(photo, tmp_path / "set" / label / f"set{i // 10}_{i}.{ending}", 200)
    assert cues(tmp_path / "set")["format"][0] == "warning"
