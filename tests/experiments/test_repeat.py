"""`mmleaves repeat` as a user runs it: killed, ended, called twice at once, gone on."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.small_recipes import draw_scans, write_recipe
from filelock import FileLock
from pyarrow.parquet import read_table
from tool_runs import ROOT, check, run_python, run_tool

from mmleaves.commands.repeat import main
from mmleaves.evidence.gather import gather
from mmleaves.evidence.plan import read_plan
from mmleaves.locks import is_held

REPEAT = [sys.executable, str(ROOT / "tools" / "repeat.py")]


class Experiment:
    """Two configs, two folds, two repeats, and how often they had to be started."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.folder = folder / "experiment"
        self.configs = [folder / "tiny.py", folder / "still.py"]
        self.arguments = [
            *map(str, self.configs),
            *("--out", str(self.folder), "--score-every-epoch", "--jobs", "2"),
        ]

    def start(self, *more):
        return subprocess.Popen(
            [*REPEAT, *self.arguments, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    @property
    def complete(self):
        return {str(path): path.stat().st_mtime_ns for path in self.records}

    @property
    def records(self):
        return sorted(self.folder.glob("*/repeat*/run.json"))

    @property
    def at_work(self):
        locks = self.folder.glob("*/repeat*/run.lock")
        return [str(path) for path in locks if is_held(path)]

    def wait_until(self, condition, process, seconds=300):
        deadline = time.monotonic() + seconds
        while not condition():
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="session")
def experiment(shared_tmp):
    """An experiment that was killed, then done by two processes, one of them ended."""
    folder = shared_tmp / "repeat"
    known = folder / "happened.json"
    with FileLock(shared_tmp / "repeat.lock"):
        if not known.is_file():
            folder.mkdir()
            known.write_text(json.dumps(happened(Experiment(folder))))
    self = Experiment(folder)
    vars(self).update(json.loads(known.read_text()))
    return self


def happened(self):
    """Draw the data, do the runs, and return what was seen on the way."""
    draw_scans(self.data)
    write_recipe(self.configs[0], self.data)
    write_recipe(self.configs[1], self.data, rate=1e-9)

    killed = self.start("--folds", "2", "--repeats", "2", "--margin", "2")
    self.wait_until(lambda: self.complete and self.at_work, killed)
    killed.kill()
    killed.wait()
    seen = {"after_kill": self.complete}
    deadline = time.monotonic() + 20
    while self.at_work and time.monotonic() < deadline:
        time.sleep(0.05)
    seen["left_by_kill"] = self.at_work

    ended, last = self.start("--jobs", "1"), self.start("--jobs", "1")
    self.wait_until(lambda: len(self.at_work) == 2, ended)
    ended.terminate()
    seen["said_when_ended"] = ended.communicate()[0]
    seen["code_when_ended"] = ended.returncode
    seen["left_by_end"] = self.at_work
    seen["said"] = last.communicate()[0]
    seen["code"] = last.returncode
    return seen


def runs(experiment):
    for path in experiment.records:
        yield path.parent, json.loads(path.read_text())


def accuracy(table):
    rows = table.select(["label", "truth"]).to_pylist()
    return 100 * np.mean([row["label"] == row["truth"] for row in rows])


def test_no_training_outlives_a_killed_experiment(experiment):
    assert experiment.left_by_kill == []


def test_an_experiment_that_is_told_to_end_ends_its_trainings(experiment):
    assert experiment.code_when_ended == 128 + signal.SIGTERM
    assert len(experiment.left_by_end) <= 1  # the other process's own
    assert "Traceback" not in experiment.said_when_ended


def test_complete_runs_are_never_done_again(experiment):
    assert experiment.code == 0, experiment.said
    assert len(experiment.complete) == 8
    assert experiment.after_kill
    assert experiment.after_kill.items() <= experiment.complete.items()


def test_two_processes_share_the_runs_that_are_left(experiment):
    said = (experiment.said_when_ended, experiment.said)
    done = [set(re.findall(r"\] (.*): done in", lines)) for lines in said]
    assert not done[0] & done[1], said
    assert len(done[0] | done[1]) == 8 - len(experiment.after_kill)
    assert "[8/8]" in experiment.said


def test_an_image_is_scored_once_a_repeat_and_never_by_who_saw_it(experiment):
    scored = {}
    for folder, record in runs(experiment):
        said = read_table(folder / "predictions.parquet", partitioning=None)
        seen = read_table(folder / "images.parquet", partitioning=None)
        hashes = said["hash"].to_pylist()
        assert not set(hashes) & set(seen["hash"].to_pylist())
        assert len(hashes) == len(seen) == 18
        assert set(seen["use"].to_pylist()) == {"train"}
        scored.setdefault((record["config"], record["repeat"]), []).extend(hashes)
    plan = read_plan(experiment.folder)
    for hashes in scored.values():
        assert sorted(hashes) == sorted(plan.repeats[0].fold_of)
    assert len(scored) == 4


def test_every_run_has_a_seed_of_its_own_and_every_repeat_a_split(experiment):
    plan = read_plan(experiment.folder)
    assert plan.margin == 2
    assert plan.repeats[0].fold_of != plan.repeats[1].fold_of
    seeds = {}
    for folder, record in runs(experiment):
        trained = json.loads((folder / "training" / "run.json").read_text())
        planned = plan.repeats[record["repeat"]].seeds[record["fold"]]
        assert trained["seed"] == record["seed"] == planned
        seeds.setdefault(record["config"], set()).add(planned)
    assert len(seeds["tiny"]) == 4
    assert seeds["tiny"] == seeds["still"]


def test_predictions_are_read_without_torch(experiment):
    folder = experiment.records[0].parent
    code = f"""
import sys
from pyarrow.parquet import read_table
table = read_table({str(folder / "predictions.parquet")!r}, partitioning=None)
print(",".join(table.column_names), len(table), "torch" in sys.modules)
"""
    said = check(run_python("-c", code)).stdout.split()
    names = "hash,image,label,truth,prob:benign,prob:malignant"
    assert said == [names, "18", "False"]


def test_compare_reads_what_repeat_wrote_and_repeat_says_what_compare_does(experiment):
    report = gather([str(experiment.folder)]).compare()
    assert (report.images, report.repeats, report.runs) == (36, 2, 4)
    assert report.margin == 2
    assert report.positive == "malignant"
    assert report.comparisons[0].sentence in experiment.said
    assert f"mmleaves compare {experiment.folder}" in experiment.said


def test_the_score_of_each_epoch_is_written_down_and_ends_with_the_scored_one(
    experiment,
):
    for folder, _ in runs(experiment):
        with (folder / "scored-by-epoch.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["1", "2"]
        said = read_table(folder / "predictions.parquet", partitioning=None)
        assert float(rows[-1]["accuracy"]) == pytest.approx(accuracy(said))
    added = "choosing the epoch on the scored images would have added"
    assert experiment.said.count(added) == 2


def test_a_run_repeated_by_hand_gives_the_same_weights(experiment, tmp_path):
    """Also without the hook that scores each epoch, which draws nothing."""
    folder = experiment.folder / "tiny" / "repeat1-fold0"
    command = read(folder / "train.sh").splitlines()[-1].split()[:-1]
    config = str(folder / "tiny.py")
    assert command == ["exec", "mmleaves", "train", config, "--work-dir"]
    assert "export OMP_NUM_THREADS=1\n" in read(folder / "train.sh")
    args = ["--work-dir", tmp_path, "--cfg-options", "custom_hooks=[]"]
    check(run_tool("train", config, *args))
    before, after = (
        torch.load(place / "epoch_2.pth", weights_only=True)["state_dict"]
        for place in (folder / "training", tmp_path)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not (tmp_path / "scored-by-epoch.csv").exists()


def test_slurm_gets_the_runs_that_are_left_and_each_job_does_its_own(
    experiment, tmp_path, capsys
):
    folder = Path(shutil.copytree(experiment.folder, tmp_path / "copy"))
    lost = folder / "still" / "repeat1-fold0"
    before = read_table(lost / "predictions.parquet", partitioning=None)
    shutil.rmtree(lost)
    script = tmp_path / "jobs.sh"
    arguments = [*map(str, experiment.configs), "--out", str(folder)]
    main([*arguments, "--slurm", str(script)])
    assert f"1 runs to do: sbatch {script}" in capsys.readouterr().out
    assert "#SBATCH --array=5\n" in read(script)
    env = os.environ | {"SLURM_ARRAY_TASK_ID": "5"}
    job = subprocess.run(["bash", script], env=env, capture_output=True, text=True)
    assert job.returncode == 0, job.stderr
    after = read_table(lost / "predictions.parquet", partitioning=None)
    assert after.equals(before)


def test_a_failing_config_is_named_and_the_others_go_on(
    experiment, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    bad = write_recipe(tmp_path / "bad.py", experiment.data, channels=7)
    arguments = [str(bad), str(experiment.configs[0]), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--folds", "2", "--repeats", "1"])
    assert end.value.code == 1
    said = capsys.readouterr()
    assert re.search(r"bad, repeat 0, fold 0: FAILED: .*7", said.out)
    assert "tiny, repeat 0, fold 1: done in" in said.out
    assert "2 of 4 runs failed or were not started: bad, repeat 0" in said.err
    assert len(list(tmp_path.glob("out/tiny/*/run.json"))) == 2


def test_a_holdout_by_the_best_epoch_chooses_it_on_training_images(
    experiment, tmp_path, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = Path(shutil.copytree(experiment.data, tmp_path / "data"))
    some = sorted((data / "train" / "benign").iterdir())[0]
    some.rename(some.with_name(os.fsdecode(b"scan\xff.jpg")))  # not UTF-8
    config = write_recipe(tmp_path / "tiny.py", data)
    arguments = [str(config), "--out", str(tmp_path), "--drop-weights"]
    main([*arguments, "--holdout", "--epoch", "best", "--repeats", "1"])
    folder = tmp_path / "tiny" / "repeat0-fold0"
    said = read_table(folder / "predictions.parquet", partitioning=None)
    assert {Path(p).parts[-3] for p in said["image"].to_pylist()} == {"test"}
    seen = read_table(folder / "images.parquet", partitioning=None).to_pydict()
    assert (len(said), len(seen["hash"])) == (12, 36)
    assert seen["use"].count("select") == 7 or seen["use"].count("select") == 8
    assert json.loads(read(folder / "run.json"))["epoch_rule"] == "best"
    assert list(folder.glob("training/*.pth")) == []


PLAIN = """
_base_ = ["mmpretrain::_base_/default_runtime.py"]
model = dict(
    type="ImageClassifier",
    backbone=dict(type="MobileNetV2", widen_factor=0.1),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="LinearClsHead",
        num_classes=2,
        in_channels=1280,
        loss=dict(type="CrossEntropyLoss"),
    ),
)
pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(32, 32)),
    dict(type="PackInputs"),
]
loader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="CustomDataset", data_root="{root}", data_prefix="train", pipeline=pipeline
    ),
)
train_dataloader = val_dataloader = loader
val_evaluator = dict(type="Accuracy", topk=(1,))
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01))
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = dict()
"""


def test_a_plain_config_of_mmpretrain_is_repeated(experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = tmp_path / "plain.py"
    config.write_text(PLAIN.replace("{root}", str(experiment.data)))
    main([str(config), "--folds", "2", "--repeats", "1", "--out", str(tmp_path / "o")])
    assert len(list(tmp_path.glob("o/plain/*/run.json"))) == 2
    assert (tmp_path / "o/plain/repeat0-fold0/training/audit.json").is_file()


def read(path):
    return Path(path).read_text()
