"""The main job on real images: data, config, training, test, predictions."""

import csv
import json
import re
import shutil
from pathlib import Path

import mmpretrain
import numpy as np
import pytest
import torch
from filelock import FileLock
from mmengine.config import Config
from tool_runs import ROOT, check, run_python, run_tool

from mmleaves.config import fill_datasets, load_config

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
STOCK_TOOLS = Path(mmpretrain.__file__).parent / ".mim" / "tools"
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
    assert len({row["image"] for row in split}) == len(split) == 36
    assert {row["part"] for row in split} == {"train", "val", "test"}

    metrics = read_csv(run / "metrics.csv")
    assert [row["epoch"] for row in metrics] == ["1", "2"]
    assert all(float(row["train/loss"]) > 0 for row in metrics)
    assert all(0 <= float(row["val/accuracy/top1"]) <= 100 for row in metrics)
    assert all(float(row["val/loss/cross_entropy"]) > 0 for row in metrics)

    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    kept = Config.fromfile(run / f"{CONFIG}.py", import_custom_modules=False)
    assert kept.train_cfg.max_epochs == 2


def test_the_log_gives_each_validation_as_it_was(run):
    """Stock MMEngine logs the mean of this loss over the validations so far."""
    lines = scalars(run)
    logged = [x["loss/cross_entropy"] for x in lines if "loss/cross_entropy" in x]
    rows = read_csv(run / "metrics.csv")
    assert logged == [float(row["val/loss/cross_entropy"]) for row in rows]
    assert logged[0] != logged[1]


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
    assert done.returncode == 3
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


def test_predictions_of_the_test_part_have_its_labels_and_its_score(
    run, best, options, tmp_path
):
    table, scores = tmp_path / "test.csv", tmp_path / "scores.json"
    root = options[:2]
    check(run_tool("predict", CONFIG, best, "--out", table, *root))
    rows = read_csv(table)
    wanted = [row for row in read_csv(run / "split.csv") if row["part"] == "test"]
    assert [(row["image"], row["truth"]) for row in rows] == [
        (row["image"], row["label"]) for row in wanted
    ]
    work = ["--work-dir", tmp_path]
    check(run_tool("test", CONFIG, best, "--out", scores, *work, *root))
    right = sum(row["label"] == row["truth"] for row in rows)
    top1 = json.loads(scores.read_text())["accuracy/top1"]
    assert top1 == pytest.approx(100 * right / len(rows))
    # Neither of them touches the run's own config.
    kept = Config.fromfile(run / f"{CONFIG}.py", import_custom_modules=False)
    assert kept.train_cfg.max_epochs == 2

    done = check(run_tool("show_predictions", table, "--out", tmp_path / "sheet.png"))
    assert f"Accuracy on {len(rows)} images: {top1:.1f} %." in done.stdout


def test_mirror_images_are_averaged_when_asked(best, options, tmp_path):
    args = [CONFIG, best, "--work-dir", tmp_path, *options[:2]]
    scores = {}
    for name, flags in (("plain", []), ("tta", ["--tta"])):
        out = tmp_path / f"{name}.json"
        check(run_tool("test", *flags, "--out", out, *args))
        scores[name] = json.loads(out.read_text())["loss/cross_entropy"]
    assert scores["plain"] != scores["tta"]
    assert scores["plain"] == pytest.approx(scores["tta"], rel=0.3)


def test_a_run_is_not_overwritten_by_the_next(run, options):
    before = {path: path.stat().st_mtime_ns for path in run.glob("*.pth")}
    done = run_tool("train", CONFIG, "--work-dir", run, *options)
    assert done.returncode == 2
    assert "holds the checkpoints of an earlier run" in done.stderr
    assert "--resume" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run.glob("*.pth")} == before


def test_images_that_were_trained_on_are_not_scored(best, options, tmp_path):
    other_split = [*options[:2], "dataset.split_seed=1"]
    out = tmp_path / "table.csv"
    for tool, args in (("test", ["--work-dir", tmp_path]), ("predict", ["--out", out])):
        done = run_tool(tool, CONFIG, best, *args, *other_split)
        assert done.returncode == 2
        assert "images in the test part are trained on too" in done.stderr
        assert "the same `split_seed` as in training" in done.stderr
    assert not out.exists()


def test_a_run_is_not_resumed_on_another_split(run, options, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "last_checkpoint").write_text(str(folder / "epoch_2.pth"))
    settings = [*options, "dataset.split_seed=1", "train_cfg.max_epochs=3"]
    done = run_tool("train", CONFIG, "--work-dir", folder, "--resume", *settings)
    assert done.returncode == 2
    assert "other data, or split in another way" in done.stderr


def test_a_checkpoint_of_another_model_is_not_scored(best, options, tmp_path):
    settings = [*options[:2], "dataset.train_per_class=4", "dataset.val_per_class=1"]
    args = ["resnet50_frozen2_b64_caltech", best, "--work-dir", tmp_path, *settings]
    done = run_tool("test", *args)
    assert done.returncode == 2
    assert "is not a checkpoint of this config's model" in done.stderr
    assert "Use the config that it was trained with" in done.stderr


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
    config = ROOT / "configs" / f"{CONFIG}.py"
    work = ["--work-dir", tmp_path]
    check(run_python(STOCK_TOOLS / "train.py", config, *work, *options))
    assert losses(tmp_path) == losses(run)
    checkpoint = tmp_path / "epoch_2.pth"
    command = [STOCK_TOOLS / "test.py", config, checkpoint, *work, *options]
    assert "accuracy/top1" in check(run_python(*command)).stdout


def test_the_stock_runner_gives_the_losses_of_ours(options, tmp_path):
    """MMEngine's own wants everything spelt out, and knows PyTorch's default layout.

    Ours trains in channels-last, from the same initial weights, with a trunk that is
    cut off and whose BatchNorm is folded; here in float32.
    """
    options = [*options, "precision=float32"]
    check(run_tool("train", CONFIG, "--work-dir", tmp_path / "ours", *options))
    cfg = load_config(CONFIG, options[1:])
    fill_datasets(cfg)
    cfg.model.head.num_classes = 6
    cfg.pop("runner_type")
    for hook in ("freeze", "check_data", "run_record", "plain_checkpoint"):
        cfg.default_hooks.pop(hook)
    # Without them it has no probe; the trunk is kept as it is by a rate of 0.
    cfg.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(backbone=dict(lr_mult=0)))
    cfg.model.backbone.norm_eval = True
    cfg.dump(tmp_path / "stock.py")
    work = ["--work-dir", tmp_path / "stock"]
    check(run_python(STOCK_TOOLS / "train.py", tmp_path / "stock.py", *work))
    assert losses(tmp_path / "stock") == pytest.approx(losses(tmp_path / "ours"), 1e-5)


def scalars(folder):
    return [
        json.loads(line)
        for path in folder.glob("*/vis_data/scalars.json")
        for line in path.read_text().splitlines()
    ]


def losses(folder):
    found = [line["loss"] for line in scalars(folder) if "loss" in line]
    assert found
    return found


def test_a_run_resumed_elsewhere_leaves_the_first_one_alone(run, options, tmp_path):
    settings = [*options[:-1], "train_cfg.max_epochs=4"]
    before = {path: path.read_bytes() for path in run.glob("*.pth")}
    args = ["--work-dir", tmp_path, "--resume", run / "epoch_1.pth", *settings]
    check(run_tool("train", CONFIG, *args))
    assert {path: path.read_bytes() for path in run.glob("*.pth")} == before
    assert (tmp_path / "epoch_4.pth").is_file()
