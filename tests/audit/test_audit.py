"""What the audit says of planted faults, by the text that a user reads."""

import os
import shutil
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chi2_contingency

from mmleaves.audit.audit import audit, audit_parts
from mmleaves.audit.classes import p_of_independence
from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.from_csv import Columns, parts_of_csv
from mmleaves.audit.from_folder import parts_of_folder
from mmleaves.audit.image_facts import ImageFacts
from mmleaves.audit.parts import Item, Part
from mmleaves.audit.shortcuts import CUES, shortcut_findings
from mmleaves.datasets import CaltechFolders


def check(folder):
    return audit_parts(*parts_of_folder(str(folder), Columns()))


def check_csv(*files, **columns):
    return audit_parts(*parts_of_csv([str(file) for file in files], Columns(**columns)))


def finding(report, kind, severity=None):
    (found,) = [f for f in report.findings if f.kind == kind]
    assert severity in (None, found.severity)
    return found


def kinds(report):
    return {found.kind for found in report.findings}


@pytest.fixture
def rows(tmp_path, photos):
    """Return a function that writes a CSV file of photographs with labels."""

    def rows(name, lines, header="image,label"):
        for index, photo in enumerate(photos):
            shutil.copy(photo, tmp_path / f"{photo.parent.name}-{index % 10 + 1}.jpg")
        (tmp_path / name).write_text("\n".join([header, *lines]) + "\n")
        return tmp_path / name

    return rows


def test_a_clean_folder_gives_no_error_and_no_warning(folder):
    report = check(folder)
    assert {f.severity for f in report.findings} <= {"note"}
    assert not report.has_errors and report.leaks == {}


def test_damaged_files_are_all_named(folder):
    data = (folder / "crab" / "image_0001.jpg").read_bytes()
    (folder / "crab" / "image_0001.jpg").write_bytes(data[: len(data) // 2])
    (folder / "crab" / "image_0002.jpg").write_bytes(b"")
    Image.new("1", (20_000, 20_000)).save(folder / "crab" / "bomb.png")
    found = finding(check(folder), "damaged", "error")
    assert found.found == "3 image files that cannot be used."
    texts = {item.path.rpartition("/")[2]: text for item, text in found.images}
    assert "damaged or truncated JPEG" in texts["image_0001.jpg"]
    assert texts["image_0002.jpg"].startswith("found 0 bytes")
    assert "over 179 megapixels" in texts["bomb.png"]


def test_an_exact_and_a_changed_copy_in_one_class_are_a_warning(folder, store):
    crab = folder / "crab"
    shutil.copy(crab / "image_0001.jpg", crab / "copy.jpg")
    Image.open(crab / "image_0002.jpg").save(crab / "same.png")
    store(crab / "image_0003.jpg", crab / "less.jpg")
    found = finding(check(folder), "duplicate", "warning")
    assert found.found == (
        "3 pairs of pictures that are the same, or nearly so: 1 the same bytes, "
        "1 the same pixels, 1 nearly the same."
    )


def test_a_copy_under_another_label_is_an_error(folder, store):
    store(folder / "crab" / "image_0003.jpg", folder / "ewer" / "wrong.jpg")
    report = check(folder)
    found = finding(report, "label-conflict", "error")
    assert "1 pair of pictures that are the same, or nearly so, under" in found.found
    assert "('crab' and 'ewer')" in found.found
    assert "duplicate" not in kinds(report)


def test_a_picture_on_both_sides_of_a_split_takes_the_score_away(
    tmp_path, folder, store
):
    parts = tmp_path / "parts"
    shutil.copytree(folder, parts / "train")
    for name in ("accordion", "crab", "ewer", "umbrella"):
        (parts / "test" / name).mkdir(parents=True)
        for number in (9, 10):
            source = parts / "train" / name / f"image_{number:04}.jpg"
            source.rename(parts / "test" / name / source.name)
    store(
        parts / "train" / "crab" / "image_0001.jpg",
        parts / "test" / "crab" / "leak.jpg",
        lambda img: img[:, ::-1],
    )
    report = check(parts)
    found = finding(report, "leak", "error")
    assert found.where == "train and test"
    assert found.found == (
        "1 of the 9 images of test also in train: 1 nearly the same."
    )
    assert found.pairs[0].relation == "nearly the same, flipped left to right"
    assert report.leaks["test"].startswith("No score from test is a test score: 1 of")


def test_a_picture_that_is_there_very_often_is_found_in_each_place(folder, store):
    crab = folder / "crab"
    for number in range(10):
        shutil.copy(crab / "image_0001.jpg", crab / f"again_{number}.jpg")
    found = finding(check(folder), "duplicate", "warning").found
    assert found.endswith("or nearly so: 10 the same bytes.")
    store(crab / "image_0002.jpg", folder / "ewer" / "wrong.jpg")
    for number in range(10):
        target = folder / "ewer" / f"wrong_{number}.jpg"
        shutil.copy(folder / "ewer" / "wrong.jpg", target)
        shutil.copy(crab / "image_0001.jpg", target.with_stem(f"other_{number}"))
    found = finding(check(folder), "label-conflict")
    # Ten copies are each paired with the first crab, eleven with the one like them.
    assert found.found.endswith(
        "different labels ('crab' and 'ewer'): 10 the same bytes, 11 nearly the same."
    )


def test_every_copy_of_a_leaked_picture_is_counted(photos, store, tmp_path):
    changed = store(photos[0], tmp_path / "changed.jpg")
    copies = []
    for number, source in enumerate([changed] * 3 + [photos[1]] * 8):
        copies.append(str(tmp_path / f"{number}.jpg"))
        shutil.copy(source, copies[-1])
    train = Part("train", [str(p) for p in photos[:10]], ["accordion"] * 10)
    report = audit_parts([train, Part("test", copies, ["accordion"] * 11)])
    assert finding(report, "leak").found == (
        "11 of the 11 images of test also in train: 8 the same bytes, 3 nearly the "
        "same."
    )


def test_the_same_part_twice_is_no_leak(photos):
    paths = [str(photo) for photo in photos]
    labels = [photo.parent.name for photo in photos]
    train = Part("train", paths[::2], labels[::2])
    val, test = (Part(name, paths[1::2], labels[1::2]) for name in ("val", "test"))
    report = audit_parts([train, val, test])
    assert finding(report, "same-part", "note").found == "test is val: the same images."
    assert "leak" not in kinds(report)
    assert report.sizes == {"train": 20, "val": 20}


def test_to_test_on_the_training_part_is_a_leak(photos):
    paths = [str(photo) for photo in photos]
    labels = [photo.parent.name for photo in photos]
    report = audit_parts([Part(name, paths, labels) for name in ("train", "test")])
    assert finding(report, "leak", "error").found == (
        "40 of the 40 images of test also in train: 40 the same file."
    )
    assert "test" in report.leaks and "same-part" not in kinds(report)


def test_a_leak_into_val_spoils_the_test_part_that_is_val(photos):
    paths = [str(photo) for photo in photos]
    labels = [photo.parent.name for photo in photos]
    parts = [Part("train", paths[:21], labels[:21])]
    parts += [Part(name, paths[20:], labels[20:]) for name in ("val", "test")]
    report = audit_parts(parts)
    assert report.leaks["val"].startswith("No score from val is a test score: 1 of")
    assert report.leaks["test"] == f"test is val. {report.leaks['val']}"


def test_other_labels_for_the_same_images_in_another_part_are_seen(photos):
    paths = [str(photo) for photo in photos]
    labels = [photo.parent.name for photo in photos]
    val = Part("val", paths[20:], labels[20:])
    test = Part("test", paths[20:], ["crab", *labels[21:]])
    report = audit_parts([Part("train", paths[:20], labels[:20]), val, test])
    assert "'crab' and 'ewer'" in finding(report, "label-conflict").found
    assert "test" in report.leaks


def test_data_sets_of_a_run_are_audited_as_they_are(folder):
    built = {
        part: CaltechFolders(
            str(folder), part=part, train_fraction=0.6, val_fraction=0.2, pipeline=[]
        )
        for part in ("train", "val", "test")
    }
    report = audit(built)
    assert report.sizes == {"train": 24, "val": 8, "test": 8}
    assert not report.has_errors


def test_classes_that_a_part_lacks_or_has_alone_are_named(photos):
    paths = [str(photo) for photo in photos]
    labels = [photo.parent.name for photo in photos]
    train = Part("train", paths[:20], labels[:20])
    test = Part("test", paths[15:30], labels[15:30])
    report = audit_parts([train, test])
    unknown = finding(report, "unknown-class", "error").found
    assert unknown == "10 images of 'ewer', of which train has none."
    missing = finding(report, "missing-class", "warning").found
    assert missing == "no image is of 'accordion', 1 of the 2 classes of train."


def test_shifted_classes_are_told_with_the_first_that_differs(photos):
    paths, labels = [str(p) for p in photos], [p.parent.name for p in photos]
    train = Part("train", paths[::2], labels[::2], ("accordion", "crab", "ewer"))
    test = Part("test", paths[1::2], labels[1::2], ("accordion", "ewer"))
    found = finding(audit_parts([train, test]), "shifted-classes", "error").found
    assert found == "label 1 is 'crab' in train and 'ewer' in test (3 and 2 classes)."


@pytest.mark.parametrize("classes", [2, 3, 50])
def test_the_test_of_shares_is_scipys(classes):
    counts = np.random.default_rng(classes).integers(1, 40, (2, classes))
    expected = chi2_contingency(counts).pvalue
    assert p_of_independence(counts) == pytest.approx(expected, rel=1e-9)


def test_rows_without_image_and_images_without_row_are_named(rows, tmp_path):
    file = rows("train.csv", ["crab-1.jpg,crab", "none.jpg,crab"])
    report = check_csv(file)
    found = finding(report, "missing-image", "error")
    assert found.found == "1 image named, but no such file."
    assert found.images[0][0].place == "train.csv, line 3"
    extra = finding(report, "image-without-row", "warning")
    assert extra.found.startswith("39 images beside the others")


def test_a_file_in_the_current_folder_names_its_images(rows, tmp_path, monkeypatch):
    lines = [f"crab-{n}.jpg,{n % 2}" for n in range(1, 11)]
    rows("train.csv", lines)
    (tmp_path / "images").mkdir()
    for photo in [*tmp_path.glob("*.jpg")]:
        if photo.name.startswith("crab"):
            photo.rename(tmp_path / "images" / photo.name)
    (tmp_path / "train.csv").write_text(
        "image,label\n" + "".join(f"images/{line}\n" for line in lines)
    )
    monkeypatch.chdir(tmp_path)
    assert "image-without-row" not in kinds(check_csv("train.csv"))


def test_a_broken_table_that_is_not_checked_does_not_stop_the_check(rows, tmp_path):
    file = rows("train.csv", ["crab-1.jpg,crab", "crab-2.jpg,crab"])
    (tmp_path / "notes.csv").write_text('image,label\n"never closed')
    assert "image-without-row" in kinds(check_csv(file))


def test_images_that_the_test_file_names_do_not_lack_a_row(rows, photos):
    names = [f"{p.parent.name}-{i % 10 + 1}.jpg" for i, p in enumerate(photos)]
    rows("test.csv", names[20:], "image")
    file = rows("train.csv", [f"{name},{name[:4]}" for name in names[:20]])
    assert "image-without-row" not in kinds(check_csv(file))


def test_a_row_with_another_label_for_the_same_file_is_a_conflict(rows):
    file = rows("train.csv", ["crab-1.jpg,crab", "crab-1.jpg,ewer"])
    found = finding(check_csv(file), "label-conflict", "error")
    assert found.pairs[0].relation == "the same file"
    assert found.pairs[0].second.place == "train.csv, line 3"


def test_a_row_without_a_label_is_named(rows):
    lines = ["crab-1.jpg,crab", "crab-2.jpg,"]
    found = finding(check_csv(rows("train.csv", lines)), "missing-label", "error")
    assert found.found == "1 of 2 rows without a label."
    assert found.images[0][0].place == "train.csv, line 3"


def test_labels_in_another_column_are_not_passed_over_in_silence(rows):
    file = rows("train.csv", ["crab-1.jpg,crab", "crab-2.jpg,crab"], "image,class")
    found = finding(check_csv(file), "no-labels", "warning")
    assert found.found == "none of the 2 images has a label."
    assert "no-labels" not in kinds(check_csv(file, label="class"))


def test_a_group_in_two_parts_is_an_error(rows):
    header = "image,label,plant"
    train = rows("train.csv", [f"crab-{n}.jpg,crab,P{n}" for n in (1, 2)], header)
    test = rows("test.csv", [f"crab-{n}.jpg,crab,P2" for n in (3, 4)], header)
    report = check_csv(train, test, group="plant")
    found = finding(report, "group-leak", "error")
    assert found.found == "1 group with images in two parts or more, such as 'P2'."
    assert report.leaks == {
        "test": "No score from test is a test score: 1 group with images in an "
        "earlier part too."
    }


def test_a_group_in_three_parts_spoils_two(rows):
    header = "image,label,plant"
    files = [
        rows(f"{part}.csv", [f"crab-{n}.jpg,crab,P1"], header)
        for n, part in enumerate(("train", "val", "test"), 1)
    ]
    report = check_csv(*files, group="plant")
    assert finding(report, "group-leak").where == "train and val and test"
    assert set(report.leaks) == {"val", "test"}


def test_pictures_without_contrast_are_named(folder):
    Image.new("RGB", (40, 40), "white").save(folder / "crab" / "blank.png")
    Image.new("RGB", (40, 40), "white").save(folder / "crab" / "again.png")
    found = finding(check(folder), "plain", "note")
    assert found.found == "2 pictures with next to no contrast."
    assert {item.path.rpartition("/")[2] for item, _ in found.images} == {
        "again.png", "blank.png"
    }  # fmt: skip


def test_a_data_set_with_several_labels_an_image_is_refused(folder):
    built = CaltechFolders(str(folder), pipeline=[], train_fraction=0.6)
    built.data_list = [{"img_path": "a.jpg", "gt_label": [0, 1]}]
    built.get_data_info = built.data_list.__getitem__
    with pytest.raises(ValueError, match=r"train: found a CaltechFolders whose images"):
        audit({"train": built})


def test_file_names_that_look_like_patients_are_a_hint(tmp_path, photos):
    for index, photo in enumerate(photos):
        patient = f"P{index // 2:03}_{'left' if index % 2 else 'right'}_1.jpg"
        target = tmp_path / "set" / f"{photo.parent.name}" / patient
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)
    report = check(tmp_path / "set")
    found = finding(report, "group-hint", "note").found
    assert "The file names without their last 2 words may say" in found
    assert "20 groups of 2.0 images on average, such as 'P000'" in found
    assert len(set(report.clusters)) == 20


@pytest.mark.parametrize("name", ["leaves", "busi", "cub200_2010", "leaf_uci_folders"])
def test_no_groups_are_seen_in_names_that_count(unpacked_data, name):
    from mmleaves.audit.groups import guess_groups
    from mmleaves.audit.parts import merge

    folder = unpacked_data / name
    folder = folder / "images" if name == "cub200_2010" else folder
    items = merge(parts_of_folder(str(folder), Columns())[0]).items
    assert guess_groups(items) is None


def test_imbalance_and_tiny_classes_are_told_with_their_numbers(folder):
    for number in range(2, 11):
        (folder / "ewer" / f"image_{number:04}.jpg").unlink()
    report = check(folder)
    assert finding(report, "tiny-class").found == (
        "1 of 4 classes have fewer than 5 images: 'ewer (1)'."
    )
    assert finding(report, "imbalance", "warning").found == (
        "'accordion' has 10 images, 'ewer' has 1: 10.0 times as many."
    )


def test_an_empty_class_folder_is_an_error(folder):
    (folder / "fern").mkdir()
    assert finding(check(folder), "empty-class").found == "no image is of 'fern'."


def test_a_format_that_gives_the_label_away_is_told_with_its_accuracy(folder):
    for path in [*folder.glob("crab/*.jpg"), *folder.glob("ewer/*.jpg")]:
        Image.open(path).convert("RGB").save(path.with_suffix(".png"))
        path.unlink()
    for path in [*folder.glob("accordion/*.jpg"), *folder.glob("umbrella/*.jpg")]:
        path.rename(path.with_name(f"a{path.name}"))
    shutil.rmtree(folder / "accordion")
    shutil.rmtree(folder / "ewer")
    found = finding(check(folder), "shortcut", "warning")
    assert found.where == "all, format"
    assert "tells the label of 100% of a class's images" in found.found
    assert "2 classes (20 images, cross-validated); guessing tells 50%." in found.found


def test_a_class_called_train_is_a_class(folder):
    (folder / "crab").rename(folder / "train")
    report = check(folder)
    assert report.sizes == {"all": 40}
    assert {item.label for item in report.items} == {
        "accordion", "ewer", "train", "umbrella"
    }  # fmt: skip


def test_a_table_beside_folders_of_loose_images_has_the_labels(tmp_path, photos):
    # As Kaggle lays data out.
    for part, chosen in (("train", photos[:4]), ("test", photos[4:6])):
        (tmp_path / part).mkdir()
        for photo in chosen:
            shutil.copy(photo, tmp_path / part / photo.name)
    lines = [f"train/{photo.name},{n % 2}\n" for n, photo in enumerate(photos[:4])]
    (tmp_path / "train.csv").write_text("image,label\n" + "".join(lines))
    report = check(tmp_path)
    assert report.sizes == {"train": 4}
    assert {item.label for item in report.items} == {"0", "1"}


def test_images_that_no_data_set_reads_are_told_with_their_place(folder, photos):
    shutil.copy(photos[0], folder / "loose.jpg")
    shutil.copytree(folder / "crab", folder / "BACKGROUND_Google")
    (folder / "ewer" / "animated.gif").write_bytes(b"GIF89a")
    report = check(folder)
    assert report.sizes == {"all": 40}
    found = finding(report, "left-out", "note").found
    assert found == (
        "10 images in BACKGROUND_Google, 1 other file, 1 image outside the class "
        "folders."
    )


def test_folders_beside_the_parts_are_named(tmp_path, folder):
    parts = tmp_path / "parts"
    for name in ("train", "test", "extra"):
        shutil.copytree(folder, parts / name)
    found = finding(check(parts), "left-out", "note").found
    assert found == "beside the parts, 1 folder: 'extra'."


def test_what_is_no_file_and_what_is_too_large_is_not_read(folder):
    os.mkfifo(folder / "crab" / "pipe.jpg")
    (folder / "crab" / "loop.jpg").symlink_to("loop.jpg")
    with (folder / "crab" / "film.jpg").open("wb") as file:
        file.truncate(2 * 10**9)
    texts = {
        item.path.rpartition("/")[2]: text
        for item, text in finding(check(folder), "damaged").images
    }
    assert texts == {
        "film.jpg": "found 2,000,000,000 bytes, expected at most 1,024,000,000, as an "
        "image of 64 megapixels has.",
        "loop.jpg": "found too many levels of symbolic links",
        "pipe.jpg": "found a pipe, device or folder, expected a file.",
    }


def test_cues_are_looked_for_in_many_small_classes_without_a_warning(recwarn):
    rng = np.random.RandomState(0)
    labels = [f"class {index % 500}" for index in range(3000)]
    items = [Item(str(i), "train", label) for i, label in enumerate(labels)]
    facts = {}
    for index, item in enumerate(items):
        thumbnail = rng.randint(0, 255, (32, 32, 3)).astype(np.uint8)
        # The width gives the class away, and nothing else does.
        size = 100 + index % 500, 100
        facts[item.path] = ImageFacts(
            rng.bytes(16), rng.bytes(16), *size, "PNG RGB", thumbnail
        )
    (found,) = shortcut_findings(items, facts, "train")
    assert found.where == "train, size"
    assert "of 100% of a class's images" in found.found
    assert "100 classes (600 images, cross-validated); guessing tells 1%" in found.found
    assert not recwarn.list


def test_what_cues_tell_is_kept_for_these_images_and_labels_alone(tmp_path):
    rng = np.random.RandomState(0)
    items = [Item(str(i), "train", "ab"[i % 2]) for i in range(80)]
    facts = {
        item.path: ImageFacts(
            *(rng.bytes(16), rng.bytes(16), 100 + index % 2, 100, "PNG RGB"),
            rng.randint(0, 255, (32, 32, 3)).astype(np.uint8),
        )
        for index, item in enumerate(items)
    }
    cache = FactsCache(tmp_path)
    expected = shortcut_findings(items, facts, "train")
    assert expected[0].where == "train, size"
    for _ in range(2):
        assert shortcut_findings(items, facts, "train", cache) == expected
    with sqlite3.connect(cache.path) as db:
        kept = db.execute("SELECT value FROM results").fetchall()
        assert len(kept) == len(CUES)
        db.execute("UPDATE results SET value = '0.5'")
    # From the cache now; with other labels, not.
    assert shortcut_findings(items, facts, "train", cache) == []
    other = [replace(item, label="ba"[i % 2]) for i, item in enumerate(items)]
    assert len(shortcut_findings(other, facts, "train", cache)) == 1


def test_chinese_and_broken_names_come_through(tmp_path, photos):
    folder = tmp_path / "set" / "银杏"
    folder.mkdir(parents=True)
    shutil.copy(photos[0], folder / "a\nb.jpg")
    shutil.copy(photos[0], tmp_path / "set" / "银杏" / "copy.jpg")
    shutil.copytree(folder, tmp_path / "set" / "oak")
    report = check(tmp_path / "set")
    assert "'oak' and '银杏'" in finding(report, "label-conflict").found


def test_no_images_at_all_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"found no images and 0 other files, expected"
    ):
        check(tmp_path)
