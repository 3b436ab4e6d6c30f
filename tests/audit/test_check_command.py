"""`mmleaves check` as a user runs it."""

import csv
import json
import shutil

from tool_runs import run_tool


def run(*args, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    return run_tool("check_data", *args, env=env)


def test_the_known_leak_of_the_leaves_is_found_and_the_exit_code_is_1(
    real_data, tmp_path
):
    page = tmp_path / "page.html"
    done = run(real_data / "leaves", "--html", page, tmp_path=tmp_path)
    assert done.returncode == 1, done.stderr
    assert (
        "48.jpg (train.csv, line 50) = 584.jpg (test.csv, line 7): the same bytes"
        in (done.stdout)
    )
    assert "No score from test is a test score: 1 of its 156 images" in done.stdout
    assert page.is_file() and (tmp_path / "cache" / "mmleaves").is_dir()


def test_the_known_pair_of_busi_is_found_by_its_config(real_data, tmp_path):
    done = run(
        *("mobilenet-v2_probe_b32-adamw-cosine10_busi", "--json"),
        *("--cfg-options", f"dataset.data_root={real_data / 'busi'}"),
        tmp_path=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert sum(report["sizes"].values()) == 461
    (conflict,) = [f for f in report["findings"] if f["kind"] == "label-conflict"]
    relations = [
        pair["relation"]
        for pair in conflict["pairs"]
        if pair["first"]["path"].endswith("malignant (145).png")
        or pair["second"]["path"].endswith("malignant (145).png")
    ]
    assert relations == ["the same bytes"]
    assert report["leaks"]["test"].startswith("No score from test is a test score: 6")


def test_clean_data_exit_with_0_and_the_split_is_written(folder, tmp_path):
    done = run(folder, "--split-out", tmp_path / "split", tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 errors, 0 warnings" in done.stdout
    assert f"dataset.data_root={folder}" in done.stdout
    assert (tmp_path / "split" / "train.txt").is_file()


def test_what_cannot_be_checked_exits_with_2(tmp_path):
    done = run(tmp_path / "none", tmp_path=tmp_path)
    assert done.returncode == 2
    assert "none: found nothing there, expected a folder, a CSV file or" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(tmp_path, "--html", "page.txt", tmp_path=tmp_path)
    assert done.returncode == 2
    assert "expected a name that ends in .html" in done.stderr


def test_what_would_be_in_vain_is_refused_before_images_are_read(folder, tmp_path):
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "classes.txt").touch()
    for options, text in (
        (("--split-out", tmp_path / "split"), "found classes.txt, expected a new or"),
        (("--max-megapixels", "0"), "--max-megapixels: 0 is not a number above 0"),
        (("--group-column", "plant"), "expected a CSV file or a folder with a train.c"),
    ):
        done = run(folder, *options, tmp_path=tmp_path)
        assert done.returncode == 2 and text in done.stderr
        assert not done.stdout
    (tmp_path / "table.tsv").touch()
    done = run(tmp_path / "table.tsv", tmp_path=tmp_path)
    assert "table.tsv: found a file ending in '.tsv', expected a folder" in done.stderr


def test_a_folder_with_a_table_has_columns_of_groups(photos, tmp_path):
    rows = ["image,label,plant"]
    for index, photo in enumerate(photos):
        shutil.copy(photo, tmp_path / f"{index}.jpg")
        rows.append(f"{index}.jpg,{photo.parent.name},{index // 2}")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")
    split = tmp_path / "split"
    done = run(
        *(tmp_path, "--group-column", "plant", "--split-out", split), tmp_path=tmp_path
    )
    assert done.returncode == 0, done.stderr
    parts = {}
    for part in ("train", "val", "test"):
        for row in csv.DictReader((split / f"{part}.csv").open()):
            parts.setdefault(int(row["image"][:-4]) // 2, set()).add(part)
    assert len(parts) == 20 and {len(found) for found in parts.values()} == {1}


def test_groups_are_found_in_the_names_of_files(photos, tmp_path):
    for index, photo in enumerate(photos):
        part = "train" if index < 30 else "test"
        place = (
            tmp_path / "P7" / part / photo.parent.name / f"p{index // 4}_{index}.jpg"
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, place)
    done = run(tmp_path / "P7", "--group-pattern", r"p\d+(?=_)", tmp_path=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 group with images in two parts or more, such as 'p7'" in done.stdout
    split = tmp_path / "split"
    run(
        *(tmp_path / "P7", "--group-pattern", r"/p(\d+)_", "--split-out", split),
        tmp_path=tmp_path,
    )
    parts = {}
    for part in ("train", "val", "test"):
        for row in csv.DictReader((split / f"{part}.csv").open()):
            plant = row["image"].rpartition("/")[2].partition("_")[0]
            parts.setdefault(plant, set()).add(part)
    assert len(parts) == 10 and {len(found) for found in parts.values()} == {1}


def test_a_pattern_that_does_not_fit_every_name_is_refused(folder, tmp_path):
    for pattern, text in (
        (r"(P\d", r"found no regular expression (missing ), unterminated subpattern"),
        (r"P\d+", "found nothing of it in 40 of 40 names, such as accordion/image_00"),
        ("image_00(0[2-9]|10)", "found nothing of it in 4 of 40 names"),
    ):
        done = run(folder, "--group-pattern", pattern, tmp_path=tmp_path)
        assert done.returncode == 2
        assert f"--group-pattern {pattern}: {text}" in done.stderr


def test_a_config_that_refuses_its_data_is_a_finding(folder, tmp_path):
    shutil.rmtree(folder / "crab")
    (folder / "crab").mkdir()
    done = run(
        *("mobilenet-v2_probe_b32-adamw-cosine10_folders", "--no-cache"),
        *("--cfg-options", f"dataset.data_root={folder}"),
        tmp_path=tmp_path,
    )
    assert done.returncode == 1
    assert "crab: found no images and 0 other files" in done.stdout
    assert "No part of the data could be read." in done.stdout
