"""A run's data are audited before its first epoch; no part that leaks gives a score."""

import csv
import json
import shutil

import cv2
import pytest
from tool_runs import check, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_leaves"
QUICK = [
    "model.backbone.widen_factor=0.25",
    "model.backbone.init_cfg=None",
    "model.head.in_channels=1280",
    "train_cfg.max_epochs=1",
    "param_scheduler=[]",
    "train_dataloader.batch_size=4",
]


def leaf_csv(folder, rows):
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *rows])


@pytest.fixture
def leaves(real_data, tmp_path):
    """Six images of each of two species, and four copies of the first, re-encoded."""
    folder = tmp_path / "leaves"
    (folder / "images").mkdir(parents=True)
    rows = []
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        files = sorted((real_data / "leaf_uci_folders" / species).iterdir())
        for file in files:
            shutil.copy(file, folder / "images")
            rows.append((f"images/{file.name}", species))
    image = cv2.imread(str(folder / rows[0][0]))
    copies = [f"images/copy{i}.jpg" for i in range(4)]
    for i, copy in enumerate(copies):
        cv2.imwrite(str(folder / copy), image, [cv2.IMWRITE_JPEG_QUALITY, 60 + 5 * i])
        rows.append((copy, rows[0][1]))
    leaf_csv(folder, rows)
    return folder


def train(leaves, tmp_path, *options):
    given = [f"dataset.data_root={leaves}", *QUICK, *options]
    done = check(
        run_tool(
            *("train", CONFIG, "--work-dir", tmp_path / "run"),
            *("--cfg-options", *given),
        )
    )
    return done.stdout + done.stderr


def score(leaves, tmp_path, *options):
    check(
        run_tool(
            *("test", CONFIG, tmp_path / "run" / "epoch_1.pth"),
            *("--out", tmp_path / "scores.json", "--work-dir", tmp_path / "scored"),
            *("--cfg-options", f"dataset.data_root={leaves}", *QUICK, *options),
        )
    )
    return json.loads((tmp_path / "scores.json").read_text())


def test_copies_across_a_split_are_told_and_its_score_is_no_test_score(
    leaves, tmp_path
):
    said = train(leaves, tmp_path)
    leak = "No score from val is a test score: "
    assert leak in said and "error: train and val: " in said.lower()
    report = json.loads((tmp_path / "run" / "audit.json").read_text())
    (finding,) = [f for f in report["findings"] if f["kind"] == "leak"]
    assert {"copy0.jpg", "copy1.jpg"} & {
        pair[side]["path"].rpartition("/")[2]
        for pair in finding["pairs"]
        for side in ("first", "second")
    }
    assert report["leaks"]["val"].startswith(leak)

    scores = score(leaves, tmp_path)
    assert scores["no_test_score"].startswith(leak)
    assert 0 <= scores["accuracy/top1"] <= 100

    # The images that were trained on are gone: what cannot be compared is said.
    (tmp_path / "gone").mkdir()
    other = tmp_path / "gone" / "leaves"
    shutil.copytree(leaves, other)
    scores = score(other, tmp_path)
    assert "no_test_score" not in scores
    logs = [p.read_text() for p in (tmp_path / "scored").glob("*/*.log")]
    assert any("was trained on are not here" in text for text in logs)


def test_a_patient_in_two_parts_and_an_image_without_a_row_are_told(leaves, tmp_path):
    rows = [row[:2] for row in csv.reader((leaves / "train.csv").open(newline=""))]
    kept = [row for row in rows[1:] if "copy" not in row[0]]
    with (leaves / "train.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "Patient"])
        table.writerows([*row, f"P{i % 3}"] for i, row in enumerate(kept))
    said = train(leaves, tmp_path)
    leak = "No score from val is a test score: 3 groups with images in an earlier part"
    assert leak in said
    assert "warning: train and val: 4 images beside the others that no row" in said
    report = json.loads((tmp_path / "run" / "audit.json").read_text())
    (note,) = [f for f in report["findings"] if f["kind"] == "group-column"]
    assert note["found"].startswith("the column 'Patient' is taken for what belongs")
    assert score(leaves, tmp_path)["no_test_score"].startswith(leak)


def test_clean_data_are_said_to_be_and_too_many_are_left_to_the_command(
    leaves, tmp_path
):
    for copy in leaves.glob("images/copy*"):
        copy.unlink()
    rows = list(csv.reader((leaves / "train.csv").open(newline="")))
    leaf_csv(leaves, [row for row in rows[1:] if "copy" not in row[0]])
    said = train(leaves, tmp_path)
    assert "No score from" not in said
    assert (tmp_path / "run" / "audit.json").is_file()
    assert "no_test_score" not in score(leaves, tmp_path)

    shutil.rmtree(tmp_path / "run")
    said = train(leaves, tmp_path, "default_hooks.audit.max_images=7")
    assert "found 12 images, expected at most 7" in said
    assert not (tmp_path / "run" / "audit.json").exists()
