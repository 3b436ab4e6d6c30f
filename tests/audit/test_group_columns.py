"""Columns of groups that are found by their names, and groups in file names."""

import csv
import json
import shutil

import pytest
from tool_runs import run_tool

from mmleaves.audit.audit import audit, audit_parts
from mmleaves.audit.from_csv import Columns, parts_of_csv
from mmleaves.audit.groups import guess_groups
from mmleaves.audit.parts import Item
from mmleaves.datasets import LeavesCSV


@pytest.fixture
def table(tmp_path, photos):
    """Return a function that writes a CSV file of photographs, each of a group."""

    def table(name, chosen, groups, column="patient", more=()):
        rows = [["image", "label", column]]
        for index, group in zip(chosen, groups, strict=True):
            photo = photos[index]
            shutil.copy(photo, tmp_path / f"{index}.jpg")
            rows.append([f"{index}.jpg", photo.parent.name, group])
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return str(tmp_path / name)

    return table


def check(*files, **columns):
    return audit_parts(*parts_of_csv(files, Columns(**columns)))


def of_kind(report, kind):
    return [f for f in report.findings if f.kind == kind]


@pytest.mark.parametrize("column", ["patient", "Patient", "GROUP"])
def test_a_column_of_groups_is_used_unasked_and_said(table, column):
    train = table("train.csv", range(0, 20), [f"P{i // 2}" for i in range(20)], column)
    test = table("test.csv", range(20, 24), ["P9", "P9", "P10", "P11"], column)
    report = check(train, test)
    (leak,) = of_kind(report, "group-leak")
    assert leak.severity == "error"
    assert leak.found == "1 group with images in two parts or more, such as 'P9'."
    assert "1 group with images" in report.leaks["test"]
    (note,) = of_kind(report, "group-column")
    assert note.severity == "note" and note.where == "train and test"
    assert note.found == (
        f"the column {column!r} is taken for what belongs together: 12 groups of 2.0 "
        "images on average."
    )
    # Patients of two images, but for the last two.
    assert len(set(report.clusters)) == 12


def test_no_column_is_used_if_none_is_wanted_and_another_if_it_is_named(table):
    train = table("train.csv", range(0, 20), [f"P{i // 2}" for i in range(20)])
    test = table("test.csv", range(20, 24), ["P9", "P9", "P10", "P11"])
    report = check(train, test, group="")
    assert not of_kind(report, "group-leak") + of_kind(report, "group-column")
    report = check(train, test, group="patient")
    assert of_kind(report, "group-leak") and not of_kind(report, "group-column")


@pytest.mark.parametrize("group", [None, "patient"])
def test_gaps_are_no_group_and_are_counted(table, group):
    groups = [f"P{i // 2}" for i in range(20)]
    train = table("train.csv", range(0, 20), [*groups[:17], "NA", "", "n/a"])
    test = table("test.csv", range(20, 24), ["NA", "nan", "P10", "P11"])
    report = check(train, test, group=group)
    assert not of_kind(report, "group-leak") and report.leaks == {}
    (note,) = of_kind(report, "group-gap")
    assert note.severity == "note" and note.where == "train and test"
    assert note.found == (
        "5 of 24 images without a group: found '', 'NA', 'n/a' and 1 more in its place."
    )
    assert [item.place for item, _ in note.images][:2] == [
        "train.csv, line 19",
        "train.csv, line 20",
    ]
    # Eight patients of two images, one of one, two of one, and five of none.
    assert len(set(report.clusters)) == 8 + 1 + 2 + 5


def test_a_column_of_gaps_alone_is_told_if_it_was_named(table):
    file = table("train.csv", range(0, 20), ["NA"] * 20)
    (note,) = of_kind(check(file, group="patient"), "group-gap")
    assert note.found.startswith("20 of 20 images without a group: found 'NA'")
    assert not of_kind(check(file), "group-gap")


@pytest.mark.parametrize("group", [None, "patient"])
def test_a_number_is_one_group_with_and_without_its_decimals(table, group):
    train = table("train.csv", range(0, 20), [*(f"{i // 2}.0" for i in range(19)), ""])
    test = table("test.csv", range(20, 24), ["9", "10", "11", "12"])
    report = check(train, test, group=group)
    (leak,) = of_kind(report, "group-leak")
    assert leak.found == "1 group with images in two parts or more, such as '9'."


@pytest.mark.parametrize("other", ["P12", "9.5"])
def test_among_what_is_no_whole_number_decimals_tell_groups_apart(table, other):
    train = table("train.csv", range(0, 20), [f"{i // 2}.0" for i in range(20)])
    test = table("test.csv", range(20, 24), ["9", "10", "11", other])
    assert not of_kind(check(train, test), "group-leak")


@pytest.mark.parametrize("values", [("treated", "control"), ("train", "val", "test")])
def test_a_group_that_is_no_finer_than_the_labels_or_a_part_is_not_used(table, values):
    groups = [values[i % len(values)] for i in range(24)]
    train = table("train.csv", range(0, 12), groups[:12], "group")
    test = table("test.csv", range(12, 24), groups[12:], "group")
    report = check(train, test)
    assert not of_kind(report, "group-leak") and report.leaks == {}
    (note,) = of_kind(report, "group-column")
    assert f"the column 'group' has {len(values)} values, such as '" in note.found
    assert "it is not taken for what belongs together" in note.found
    assert len(set(report.clusters)) == 24


def test_the_label_is_no_group(table, photos):
    file = table("train.csv", range(0, 40, 4), ["x"] * 10, "group")
    report = check(file, label="group")
    assert not of_kind(report, "group-column")


def test_the_command_uses_the_column_but_not_beside_a_pattern(table, tmp_path):
    table("train.csv", range(0, 20), [f"P{i // 2}" for i in range(20)])
    table("test.csv", range(20, 24), ["P9", "P9", "P10", "P11"])
    leaks = {}
    for name, options in {
        "unasked": (),
        "none": ("--group-column", ""),
        "pattern": ("--group-pattern", r"\d+"),
    }.items():
        done = run_tool("check_data", tmp_path, "--json", "--no-cache", *options)
        leaks[name] = json.loads(done.stdout)["leaks"]
    assert "1 group with images" in leaks["unasked"]["test"]
    assert leaks["none"] == leaks["pattern"] == {}


def test_a_config_uses_the_column_and_names_images_without_a_row(table, tmp_path):
    table("train.csv", range(0, 40), [f"P{i % 4}" for i in range(40)])
    for index in range(3):
        shutil.copy(tmp_path / f"{index}.jpg", tmp_path / f"lost {index}.jpg")
    config = "mobilenet-v2_probe_b32-adamw-cosine10_leaves"
    options = ("--json", "--no-cache", "--cfg-options")
    root = f"dataset.data_root={tmp_path}"
    done = run_tool("check_data", config, *options, root)
    report = json.loads(done.stdout)
    found = {f["kind"]: f for f in report["findings"]}
    assert found["group-leak"]["severity"] == "error"
    assert "4 groups with images in two parts" in found["group-leak"]["found"]
    assert found["image-without-row"]["found"].startswith("3 images beside the others")
    done = run_tool("check_data", config, "--group-column", "", *options, root)
    kinds = {f["kind"] for f in json.loads(done.stdout)["findings"]}
    assert "group-column" not in kinds and "image-without-row" in kinds


def test_an_image_that_another_file_or_fold_names_does_not_lack_a_row(table, tmp_path):
    table("train.csv", range(0, 20), [f"P{i}" for i in range(20)])
    table("test.csv", range(20, 24), ["P9", "P9", "P10", "P11"])
    done = run_tool(
        *("check_data", "mobilenet-v2_probe_b32-adamw-cosine10_leaves", "--json"),
        *("--no-cache", "--cfg-options", f"dataset.data_root={tmp_path}"),
    )
    kinds = {f["kind"] for f in json.loads(done.stdout)["findings"]}
    assert "image-without-row" not in kinds and "group-column" in kinds


def test_data_sets_that_were_built_know_their_groups(table, tmp_path):
    table("train.csv", range(0, 40), [f"P{i % 4}" for i in range(40)])
    built = {
        part: LeavesCSV(str(tmp_path), part=part, pipeline=[])
        for part in ("train", "val")
    }
    assert "4 groups with images in an earlier part" in audit(built).leaks["val"]


def groups(names):
    items = [Item(f"set/{name}.jpg", "all", "ab"[i % 2]) for i, name in names]
    guess = guess_groups(items)
    return guess and guess[0]


def test_both_eyes_of_a_patient_are_one_group():
    names = [
        f"P{patient:03}_{side}_{number}"
        for patient in range(10)
        for side in ("left", "right")
        for number in (1, 2)
    ]
    assert groups(enumerate(names)) == [name[:4] for name in names]
    # The side may be a number, and the view stand behind it.
    names = [name.replace("left", "1").replace("right", "2") for name in names]
    assert groups(enumerate(names)) == [name[:4] for name in names]
    names = [f"{name[:-2]}_view_{name[-1]}" for name in names]
    assert groups(enumerate(names)) == [name[:4] for name in names]


def test_a_grouping_of_hardly_any_groups_is_not_preferred():
    # A study in two years: its days are groups, the years are not.
    names = [f"{year}-{day}_{n}" for year in (1, 2) for day in range(9) for n in "abc"]
    assert groups(enumerate(names)) == [
        n.partition("_")[0].replace("-", "_") for n in names
    ]
