"""Two CPU processes train one model."""

import csv
import json
from collections import Counter

import pytest
from tool_runs import ROOT, check, run_python, run_tool

# Written beside the config, and imported by it: what each process was given to see.
SPY = """
from mmengine.hooks import Hook
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class SeenHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.write(runner, "train", runner.epoch + 1, data_batch)

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.write(runner, "val", runner.epoch, data_batch)

    def write(self, runner, part, epoch, batch):
        with open(f"{runner.work_dir}/seen-{runner.rank}.txt", "a") as file:
            for sample in batch["data_samples"]:
                print(part, epoch, sample.img_path, sep="\\t", file=file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def spied(folder):
    """Environment in which the config finds the spy."""
    (folder / "spy.py").write_text(SPY)
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


@pytest.fixture(scope="module")
def run(real_data, mobilenet_weights, folder, spied):
    config = folder / "config.py"
    base = ROOT / "configs" / "mobilenet-v2_probe_b32-adamw-cosine10_folders.py"
    config.write_text(f"""
_base_ = ["{base}"]
custom_imports = dict(imports=["mmleaves.runner", "spy"])
custom_hooks = [dict(type="mmleaves.SeenHook")]
dataset = dict(data_root="{real_data / "leaf_uci_folders"}", val_fraction=0.4)
# Everything is trained, so that the processes' BatchNorm statistics would differ.
trainable = "all"
train_dataloader = dict(batch_size=5)
val_dataloader = dict(batch_size=5)
train_cfg = dict(max_epochs=2)
""")
    done = run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2),
        *(ROOT / "tools" / "train.py", config, "--launcher", "pytorch"),
        *("--work-dir", folder / "run"),
        env=spied,
    )
    check(done)
    return folder / "run"


def seen(run, part, epoch):
    return {
        rank: [
            path
            for line in (run / f"seen-{rank}.txt").read_text().splitlines()
            for name, number, path in [line.split("\t")]
            if (name, int(number)) == (part, epoch)
        ]
        for rank in (0, 1)
    }


@pytest.mark.parametrize("epoch", [1, 2])
def test_every_image_is_trained_on_once_an_epoch(run, epoch):
    with (run / "split.csv").open(newline="") as file:
        split = [row["image"] for row in csv.DictReader(file) if row["part"] == "train"]
    shares = seen(run, "train", epoch)
    assert len(shares[0]) == len(shares[1])
    assert Counter(shares[0] + shares[1]) == Counter(split)


def test_epochs_are_shuffled_anew(run):
    assert seen(run, "train", 1) != seen(run, "train", 2)


def test_metrics_are_over_the_images_of_both_processes(run, spied, tmp_path):
    record = json.loads((run / "run.json").read_text())
    shares = seen(run, "val", 2)
    assert record["images"]["val"] == len(set(shares[0] + shares[1])) > len(shares[0])
    with (run / "metrics.csv").open(newline="") as file:
        said = list(csv.DictReader(file))[-1]
    # One process alone says the same of the same checkpoint.
    out = tmp_path / "alone.json"
    args = (run / "config.py", run / "epoch_2.pth", "--part", "val", "--out", out)
    check(run_tool("test", *args, "--work-dir", tmp_path, env=spied))
    alone = json.loads(out.read_text())
    for key in ("accuracy/top1", "loss/cross_entropy", "recall/macro"):
        assert float(said[f"val/{key}"]) == pytest.approx(alone[key], rel=1e-5)


def test_one_process_writes(run):
    assert len(list(run.glob("*/*.log"))) == 1
    assert len(list(run.glob("best_*.pth"))) == 1
    log = next(run.glob("*/*.log")).read_text()
    assert log.count("Saving checkpoint at 1 epochs") == 1
