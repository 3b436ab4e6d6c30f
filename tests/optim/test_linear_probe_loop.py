"""Real grids of linear classifiers: what they leave behind is a run like any other."""

import csv
import json
import shutil

import pytest
import torch
from tool_runs import check, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


@pytest.fixture
def leaves(real_data, tmp_path):
    folder = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, folder / species)
    return folder


def options(leaves, *settings):
    return [
        "--cfg-options",
        f"dataset.data_root={leaves}",
        "train_dataloader.batch_size=3",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
        *settings,
    ]


def probe(leaves, *flags, settings=()):
    return run_tool(
        *("linear_probe", CONFIG, "--work-dir", leaves.parent / "run", *flags),
        *options(leaves, "train_cfg.max_epochs=5", *settings),
        env={"MMLEAVES_CACHE": str(leaves.parent / "cache")},
    )


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_leaves_a_checkpoint_that_testing_scores_as_the_table_says(
    leaves, mobilenet_weights
):
    done = probe(
        leaves,
        *("--rates", "1e-4", "1e-2", "--seeds", "3", "4"),
        *("--class-weights", "none", "auto", "--views", "2"),
    )
    run = leaves.parent / "run"
    assert "Of 8 classifiers, validation chose rate" in check(done).stdout
    rows = rows_of(run / "heads.csv")
    assert {(row["rate"], row["class_weights"], row["seed"]) for row in rows} == {
        (rate, weights, seed)
        for rate in ("0.0001", "0.01")
        for weights in ("", "auto")
        for seed in ("3", "4")
    }
    # The grid learns: with 100 times the rate the loss is another.
    by_rate = {
        rate: [float(r["loss"]) for r in rows if r["rate"] == rate]
        for rate in ("0.0001", "0.01")
    }
    assert max(by_rate["0.01"]) < min(by_rate["0.0001"])

    scores = run / "scores.json"
    check(
        run_tool(
            *("test", CONFIG, run / "epoch_5.pth", "--part", "val"),
            *("--out", scores, "--work-dir", leaves.parent / "test"),
            *options(leaves),
        )
    )
    scored = json.loads(scores.read_text())
    assert scored["loss/cross_entropy"] in [
        pytest.approx(float(row["loss"]), abs=2e-3) for row in rows
    ]
    (metrics,) = rows_of(run / "metrics.csv")
    assert float(metrics["val/accuracy/top1"]) == scored["accuracy/top1"]


def test_the_trunk_is_as_it_was(leaves, mobilenet_weights):
    from mmleaves.checkpoints.pretrained import load_from_mmleaves

    check(probe(leaves, "--rates", "1e-2", "--views", "1"))
    before = load_from_mmleaves("mmleaves://mobilenet-v2_in1k")["state_dict"]
    path = leaves.parent / "run" / "epoch_5.pth"
    after = torch.load(path, weights_only=True)["state_dict"]
    trunk = [name for name in before if name.startswith("backbone.")]
    assert len(trunk) == 312
    assert all(torch.equal(before[name], after[name]) for name in trunk)


@pytest.mark.parametrize(
    ("flags", "settings", "message"),
    [
        (["--views", "5"], [], "with fewer views than epochs"),
        ([], ["model.head.type=VisionTransformerClsHead"], "model.head"),
        (
            [],
            ["optim_wrapper.optimizer.type=Adagrad"],
            "trains with AdamW or SGD without clip_grad, and the config has Adagrad",
        ),
        (
            [],
            ["model.head.loss.type=mmleaves.SoftmaxFocalLoss"],
            "LinearProbeLoop trains with CrossEntropyLoss or LabelSmoothLoss",
        ),
    ],
)
def test_what_it_cannot_train_is_refused(
    leaves, mobilenet_weights, flags, settings, message
):
    done = probe(leaves, *flags, settings=settings)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
