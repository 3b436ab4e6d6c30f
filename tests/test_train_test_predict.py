"""The main job on real images: data, config, training, test, predictions."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from tool_runs import ROOT, check, run_python, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
SPECIES = [
    "2. Salix atrocinerea",
    "3. Populus nigra",
    "4. Alnus sp",
    "6. Crataegus monogyna",
    "7. Ilex aquifolium",
    "9. Betula pubescens",
]


@pytest.fixture(scope="session")
def options(real_data):
    return [
        "--cfg-options",
        f"dataset.data_root={real_data / 'leaf_uci_folders'}",
        "train_dataloader.batch_size=8",
        "train_cfg.max_epochs=2",
    ]


@pytest.fixture(scope="session")
def run(shared_tmp, options, mobilenet_weights):
    """Folder of a run of two epochs on 36 photographs of leaves, one path changed."""
    folder = shared_tmp / "leaf-run"
    with FileLock(shared_tmp / "leaf-run.lock"):
        if not folder.is_dir():
            half = shared_tmp / "leaf-run-half"
            done = check(run_tool("train", CONFIG, "--work-dir", half, *options))
            (half / "stdout.txt").write_text(done.stdout)
            half.rename(folder)
    return folder


@pytest.fixture
def best(run):
    (path,) = run.glob("best_accuracy_top1_epoch_*.pth")
    return path


def read_csv(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_keeps_config_seed_environment_split_metrics_and_curves(run):
    record = json.loads((run / "run.json").read_text())
    assert record["config"] == CONFIG
    assert record["seed"] == 0
    assert record["classes"] == SPECIES
    assert record["environment"]["packages"]["torch"] == torch.__version__.split("+")[0]
    assert record["finished"] is not None

    split = read_csv(run / "split.csv")
    assert {row["label"] for row in split} == set(SPECIES)
    assert sum(row["part"] == "train" for row in split) == record["images"]["train"]
    assert len({row["image"] for row in split}) == len(split)

    metrics = read_csv(run / "metrics.csv")
    assert [row["epoch"] for row in metrics] == ["1", "2"]
    assert all(float(row["train/loss"]) > 0 for row in metrics)
    assert all(0 <= float(row["val/accuracy/top1"]) <= 100 for row in metrics)
    assert all(float(row["val/loss/cross_entropy"]) > 0 for row in metrics)

    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(run.glob("*.py")), "the config"


def test_the_classifier_has_as_many_outputs_as_the_data_have_classes(best):
    weights = torch.load(best, weights_only=True)
    assert weights["state_dict"]["head.fc.weight"].shape == (6, 1280)
    assert weights["meta"]["dataset_meta"]["classes"] == tuple(SPECIES)


def test_a_probe_changes_the_classifier_alone(best):
    from mmleaves.checkpoints.pretrained import load_from_mmleaves

    before = load_from_mmleaves("mmleaves://mobilenet-v2_in1k")["state_dict"]
    after = torch.load(best, weights_only=True)["state_dict"]
    trunk = [name for name in before if name.startswith("backbone.")]
    assert len(trunk) == 312
    assert all(torch.equal(before[name], after[name]) for name in trunk)


def test_testing_gives_to_the_digit_what_training_said(run, best, options, tmp_path):
    epoch = int(re.search(r"epoch_(\d+)", best.name).group(1))
    said = read_csv(run / "metrics.csv")[epoch - 1]
    out = tmp_path / "metrics.json"
    check(
        run_tool(
            *("test", CONFIG, best, "--part", "val", "--out", out),
            *("--work-dir", tmp_path, *options),
        )
    )
    metrics = json.loads(out.read_text())
    assert metrics
    assert {f"val/{key}": str(value) for key, value in metrics.items()} == {
        key: value for key, value in said.items() if key.startswith("val/")
    }


def test_a_resumed_run_goes_on_after_the_last_epoch(run, options, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    # The copy's pointer still names the original's file.
    (folder / "last_checkpoint").write_text(str(folder / "epoch_2.pth"))
    settings = [*options[:-1], "train_cfg.max_epochs=3"]
    done = check(run_tool("train", CONFIG, "--work-dir", folder, "--resume", *settings))
    assert "resumed epoch: 2" in done.stdout
    assert [row["epoch"] for row in read_csv(folder / "metrics.csv")] == ["1", "2", "3"]
    assert json.loads((folder / "run.json").read_text())["resumed_from_epoch"] == 2


def test_resuming_an_empty_folder_is_refused(options, tmp_path, mobilenet_weights):
    done = run_tool("train", CONFIG, "--work-dir", tmp_path, "--resume", *options)
    assert done.returncode == 2
    assert "There is nothing to resume in" in done.stderr
    assert "leave out --resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_predictions_name_every_class_and_sum_to_one(run, best, real_data, tmp_path):
    import pyarrow.parquet as pq

    folder = real_data / "leaf_uci_folders" / "7. Ilex aquifolium"
    for name in ("table.csv", "table.parquet"):
        check(run_tool("predict", CONFIG, best, folder, "--out", tmp_path / name))
    rows = read_csv(tmp_path / "table.csv")
    assert len(rows) == 6
    assert list(rows[0]) == ["image", "label", *(f"prob:{name}" for name in SPECIES)]
    probs = np.array([[float(row[f"prob:{s}"]) for s in SPECIES] for row in rows])
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert [row["label"] for row in rows] == [SPECIES[i] for i in probs.argmax(axis=1)]
    table = pq.read_table(tmp_path / "table.parquet").to_pylist()
    assert [row["image"] for row in table] == [row["image"] for row in rows]
    # A table of predictions and test.py see the images alike.
    assert [row["label"] for row in table] == [row["label"] for row in rows]


def test_a_checkpoint_of_other_classes_is_not_scored(best, real_data, tmp_path):
    other = tmp_path / "leaves"
    for species in SPECIES[1:]:
        shutil.copytree(real_data / "leaf_uci_folders" / species, other / species)
    done = run_tool(
        *("test", CONFIG, best, "--work-dir", tmp_path / "w"),
        *("--cfg-options", f"dataset.data_root={other}"),
    )
    assert done.returncode == 2
    assert "The checkpoint was trained on 6 classes, the data have 5" in done.stderr
    assert "label 0 is '2. Salix atrocinerea' in the checkpoint" in done.stderr


def test_the_stock_tools_train_and_test_our_config(run, options, tmp_path):
    """Losses, batch by batch, are those of our tool: same seed, fp32."""
    import mmpretrain

    tools = Path(mmpretrain.__file__).parent / ".mim" / "tools"
    config = ROOT / "configs" / f"{CONFIG}.py"
    work = ["--work-dir", tmp_path]
    for args in (["train.py", config], ["test.py", config, tmp_path / "epoch_2.pth"]):
        done = check(run_python(tools / args[0], *args[1:], *work, *options))
    assert losses(tmp_path) == losses(run)
    assert "accuracy/top1" in done.stdout


def losses(folder):
    lines = [
        json.loads(line)
        for path in folder.glob("*/vis_data/scalars.json")
        for line in path.read_text().splitlines()
    ]
    found = [line["loss"] for line in lines if "loss" in line]
    assert found
    return found
