"""A run that a signal stops saves at once, and ends as if the signal had not come."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked_runs import outcome, said, start, train_again, wait, write_run
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from tool_runs import ROOT
from torch.utils.data import get_worker_info

# With workers, which get the signal too, as SLURM sends it.
WORKERS = ["train_dataloader.num_workers=2", "train_dataloader.persistent_workers=True"]
# The first score is the best, as none is 200 points better: this ends after epoch 3.
STOPS_EARLY = [
    "default_hooks.early_stopping.patience=2",
    "default_hooks.early_stopping.min_delta=200",
]
THAWS = ['trainable=["classifier","all@2"]']


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Return what an unbroken run of some settings ends with; each is run once."""
    folder = tmp_path_factory.mktemp("unbroken")
    config, known = write_run(folder), {}

    def of(settings, epochs):
        key = " ".join(settings)
        if key not in known:
            work, log = folder / str(len(known)), folder / "log"
            assert train(config, work, log, settings) == 0, said(log)[-3000:]
            known[key] = outcome(work, epochs)
        return config, known[key]

    return of


def train(config, work, log, settings, signals=""):
    env = {"SIGNALS_AT": signals} if signals else {}
    more = ["--cfg-options", *settings] if settings else []
    return wait(train_again(config, work, *more, log=log, env=env))


@pytest.mark.parametrize(
    ("signals", "settings", "epochs"),
    [
        ("SIGTERM before_train_iter 1", WORKERS, 4),
        ("SIGUSR1 before_val_iter 2", WORKERS, 4),
        # What stops the training is the validation that is done once more.
        ("SIGTERM before_val_iter 3", STOPS_EARLY, 3),
        # The validation of the last epoch with a frozen trunk.
        ("SIGTERM before_val_iter 2", THAWS, 4),
        ("SIGTERM before_val_iter 4", [], 4),
    ],
)
def test_a_signal_saves_at_once(unbroken, tmp_path, signals, settings, epochs):
    config, expected = unbroken(settings, epochs)
    work, log = tmp_path / "work", tmp_path / "log"
    assert train(config, work, log, settings, signals) == 75, said(log)[-3000:]
    assert f"Stopped by {signals.split()[0]} in epoch" in said(log)
    assert "Traceback" not in said(log)
    assert (work / "last_checkpoint").read_text().endswith("interrupted.pth")
    if "val" in signals and settings == WORKERS:
        # Once more, in the validation that comes first now.
        assert train(config, work, log, settings, signals) == 75, said(log)[-3000:]
    assert train(config, work, log, settings) == 0, said(log)[-3000:]
    assert outcome(work, epochs) == expected


@pytest.mark.parametrize(
    "signals",
    [
        "SIGTERM before_train_epoch 1",  # the loader starts
        "SIGTERM SIGTERM before_train_iter 2",  # twice, and nobody waits
        "SIGTERM SIGUSR1 before_val_iter 3",
    ],
)
def test_where_nothing_is_saved_the_last_epoch_is_left(unbroken, tmp_path, signals):
    config, expected = unbroken(WORKERS, 4)
    work, log = tmp_path / "work", tmp_path / "log"
    code = train(config, work, log, WORKERS, signals)
    assert code == 75, said(log)[-3000:]
    assert "Traceback" not in said(log)
    assert not list(work.glob("*.unfinished"))
    assert train(config, work, log, WORKERS) == 0, said(log)[-3000:]
    assert outcome(work) == expected


def test_a_kill_within_a_validation(unbroken, tmp_path):
    config, expected = unbroken([], 4)
    work, log = tmp_path / "work", tmp_path / "log"
    code = train(config, work, log, [], "SIGKILL before_val_iter 2")
    assert code == -signal.SIGKILL
    assert train(config, work, log, []) == 0, said(log)[-3000:]
    assert outcome(work) == expected


def two_processes(config, folder, *more, signals=""):
    """Train in two processes, the second of which gets the signals; return the codes.

    What the first prints is in ``log-0``.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    args = ["train", config, "--work-dir", folder / "work", "--launcher", "pytorch"]
    args += [*more, "--cfg-options", "train_dataloader.batch_size=1"]
    args += ["train_cfg.max_epochs=2"]
    processes = [
        start(
            *args,
            log=folder / f"log-{rank}",
            env=both
            | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            | ({"SIGNALS_AT": signals} if rank == 1 and signals else {}),
        )
        for rank in (0, 1)
    ]
    return [wait(process) for process in processes]


def test_of_two_processes_one_is_told_and_both_stop_at_the_same_iteration(tmp_path):
    config, log = write_run(tmp_path), tmp_path / "log-0"
    # 12 an epoch: one process hears of it in the 13th, the other in the 20th. Then in
    # the first of a validation's two batches, whose end comes before the tenth.
    for signals, iterations, resume in (
        ("SIGTERM before_train_iter 1", 20, []),
        ("SIGTERM before_val_iter 2", 24, ["--resume"]),
    ):
        codes = two_processes(config, tmp_path, *resume, signals=signals)
        assert codes == [75, 75], said(log)
        saved = torch.load(tmp_path / "work" / "interrupted.pth", weights_only=True)
        assert saved["meta"]["iter"] == iterations
        assert "Stopped by a signal in epoch" in said(log)
    assert "Epoch 2 goes on after 8 iterations" in said(log)


def test_a_signal_to_all_that_torchrun_passes_on_is_one(tmp_path):
    """As `scancel` and `kill -- -GROUP` send it: to the ranks, and to torchrun."""
    work, config = tmp_path / "work", write_run(tmp_path)
    with config.open("a") as file:
        file.write('custom_imports["imports"].append("forked_runs")\n')
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", "2", ROOT / "tools" / "train.py", config),
        *("--work-dir", work, "--launcher", "pytorch", "--cfg-options"),
        *("train_cfg.max_epochs=1000", "train_dataloader.batch_size=1"),
    ]
    with (tmp_path / "log").open("w") as log:
        agent = subprocess.Popen(
            [*map(str, command)],
            env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    while not (work / "epoch_2.pth").exists():
        assert agent.poll() is None, said(tmp_path / "log")[-3000:]
        time.sleep(0.01)
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text()
    ranks = [*map(int, children.split())]
    assert len(ranks) == 2
    for process in (*ranks, agent.pid):
        os.kill(process, signal.SIGTERM)
    agent.wait(60)
    text = said(tmp_path / "log")
    assert "Stopped by" in text, text[-3000:]
    saved = torch.load(work / "interrupted.pth", weights_only=True)
    assert f"after {saved['meta']['iter']} iterations in all" in text
    assert (work / "last_checkpoint").read_text() == str(work / "interrupted.pth")


@TRANSFORMS.register_module()
class HangsInC(BaseTransform):
    """As a read from a disk that is gone: no code of Python's runs meanwhile."""

    def __init__(self, prob):
        pass

    def transform(self, results):
        if get_worker_info() is None:
            return results  # the first image is looked at before
        Path(os.environ["HANGING"]).write_text(str(os.getpid()))
        mutex = ctypes.create_string_buffer(64)
        lock = ctypes.CDLL(None).pthread_mutex_lock
        lock(mutex)
        lock(mutex)


def is_alive(process):
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_worker_that_hangs_does_not_outlive_a_run_that_is_killed(tmp_path):
    config, hanging = write_run(tmp_path), tmp_path / "hanging"
    options = "num_workers=1", "dataset.pipeline.2.type=HangsInC"
    options = [f"train_dataloader.{option}" for option in options]
    args = ["train", config, "--work-dir", tmp_path / "work", "--cfg-options", *options]
    run = start(*args, log=tmp_path / "log", env={"HANGING": str(hanging)})
    while not (hanging.exists() and hanging.read_text()):
        assert is_alive(run), said(tmp_path / "log")
        time.sleep(0.01)
    worker = int(hanging.read_text())
    assert worker != run
    assert is_alive(worker)
    os.kill(run, signal.SIGKILL)
    wait(run)
    ends = time.monotonic() + 30
    while is_alive(worker) and time.monotonic() < ends:
        time.sleep(0.01)
    outlived = is_alive(worker)
    if outlived:
        os.kill(worker, signal.SIGKILL)
    assert not outlived
