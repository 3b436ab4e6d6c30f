"""Workers of the data loader that are killed, hang, or find no shared memory."""

import ctypes
import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from forked_runs import write_run
from input_runs import CONFIG, SMALL, class_folders, refused, train
from test_input_faults import ALL, config_with
from tool_runs import ROOT
from torch.utils.data import DataLoader, Dataset

from mmleaves.config import load_config
from mmleaves.hooks.watch_loader_hook import told_of_loader
from mmleaves.loader_workers import end_workers, worker_start
from mmleaves.runner import FineTuneRunner
from mmleaves.whole_files import CannotWriteError

# As a read from a network's disk does: no handler of Python's is run meanwhile.
HANGS_IN_C = (
    "import ctypes; from pathlib import Path; "
    "Path({session!r}).write_text(str(os.getsid(0))); "
    "mutex = ctypes.create_string_buffer(64); "
    "lock = ctypes.CDLL(None).pthread_mutex_lock; lock(mutex); lock(mutex)"
)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they may stay")
WORKER = ("train_dataloader.num_workers=1", "train_dataloader.batch_size=8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("loader") / "data")


def fails_in_epoch_2(folder, data, name, what, *options):
    """Train with a worker to which something happens in the second epoch."""
    marker = folder / "run" / "epoch_1.pth"
    body = (
        "        import os, signal, time\n"
        f"        if os.path.exists({str(marker)!r}):\n"
        f"            {what.format(session=str(folder / 'run' / 'session'))}\n"
        "        return results\n"
    )
    config = config_with(folder, name, body)
    options = (*ALL, *WORKER, "train_cfg.max_epochs=5", *options)
    done = train(data, folder / "run", *options, config=config, flags=["--no-validate"])
    saved = sorted((folder / "run").glob("epoch_*.pth"))
    assert saved
    for path in saved:
        assert torch.load(path, weights_only=True)["meta"]["epoch"] >= 1
    return done


def stat(process):
    """Return state, parent, group and session of a process that lives, else nothing."""
    with suppress(OSError):
        found = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()
        return found[:4] if found[0] != "Z" else []
    return []


def lives(process):
    return bool(stat(process))


def in_session(number):
    """Return the processes of a session that live."""
    numbers = [path.name for path in Path("/proc").glob("[0-9]*")]
    return [process for process in numbers if stat(process)[3:] == [str(number)]]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/torch_shm/DataLoader"),
        OSError("Caught OSError in DataLoader worker process 0.\n/killed/1.jpg exited"),
        CannotWriteError("/torch_1_2/DataLoader: No space left on device, shm"),
    ],
)
def test_another_error_is_not_taken_for_one_of_the_loader(error):
    with pytest.raises(OSError) as raised, told_of_loader("train_dataloader"):
        raise error
    assert raised.value is error


def test_a_worker_that_is_killed_is_told_and_the_checkpoint_is_whole(tmp_path, data):
    what = "os.kill(os.getpid(), signal.SIGKILL)"
    said = refused(fails_in_epoch_2(tmp_path, data, "dies", what), code=71)
    assert re.search(r"A worker of the data loader was killed \(DataLoader work", said)
    assert "set train_dataloader.num_workers lower" in said
    assert "go on with --resume" in said


def test_a_worker_that_hangs_is_told_of_and_ends_the_run(tmp_path, data):
    limits = ("train_dataloader.timeout=8", "default_hooks.watch_loader.warn_after_s=2")
    done = fails_in_epoch_2(tmp_path, data, "hangs", HANGS_IN_C, *limits)
    said = refused(done, code=71)
    # The workers are of its session, and had been left behind or waited for.
    assert not in_session(int((tmp_path / "run" / "session").read_text()))
    assert "workers have given no batch for 8 s" in said
    log = done.stdout + said
    assert re.search(r"No batch for [2-7] s: the data loader's workers hang", log)


def test_full_shared_memory_is_told_with_what_to_set(tmp_path, data):
    """In a name space of its own, with 1 MB of shared memory, as containers have 64."""
    small = "mount -t tmpfs -o size=1m tmpfs /dev/shm"
    if subprocess.run(
        ["unshare", "-m", "sh", "-c", small], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount, for a small /dev/shm")
    args = ["train", CONFIG, "--work-dir", tmp_path / "run", "--no-pretrained"]
    args += ["--no-validate", "--cfg-options", f"dataset.data_root={data}", *SMALL]
    args += [*ALL, *WORKER, "train_dataloader.dataset.pipeline.1.scale=480"]
    command = [sys.executable, "-m", "mmleaves.cli", *map(str, args)]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{small} && exec "$@"', "sh", *command],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = refused(done, code=71)
    assert "A worker of the data loader found no room in shared memory" in said
    assert "docker run --shm-size=2g" in said
    assert not list(Path("/dev/shm").glob(f"torch_{os.getpid()}_*"))


def test_kept_workers_end_with_the_training_and_come_again_when_wanted(tmp_path):
    options = [
        "train_cfg.max_epochs=1",
        *(
            f"{part}_dataloader.{setting}"
            for part in ("train", "val")
            for setting in ("num_workers=1", "persistent_workers=True")
        ),
    ]
    cfg = load_config(str(write_run(tmp_path)), options)
    cfg.work_dir = str(tmp_path / "run")
    runner = FineTuneRunner.from_cfg(cfg)
    runner.train()
    # They ignore SIGTERM: Python, at its end, would wait for them for ever.
    assert multiprocessing.active_children() == []
    assert runner.val()["accuracy/top1"] >= 0
    assert multiprocessing.active_children() == []


class HangsAtTheSecond(Dataset):
    """Images of which the worker hangs in C at one that is only read ahead."""

    def __init__(self):
        self.hangs = multiprocessing.Event()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index:
            mutex = ctypes.create_string_buffer(64)
            lock = ctypes.CDLL(None).pthread_mutex_lock
            self.hangs.set()
            lock(mutex), lock(mutex)
        return index


@ON_LINUX
def test_a_kept_worker_that_hangs_at_the_end_is_ended_all_the_same():
    dataset = HangsAtTheSecond()
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True)
    worker_start(loader).ignored = (signal.SIGTERM,)
    assert next(iter(loader)) == torch.tensor([0])
    assert dataset.hangs.wait(30)
    (worker,) = multiprocessing.active_children()
    end_workers(loader)
    assert worker.exitcode == -signal.SIGKILL
    assert multiprocessing.active_children() == []


DIES = """
import ctypes, multiprocessing, os, signal, sys, time
from pathlib import Path
from torch.utils.data import DataLoader
from mmleaves.loader_workers import WorkerStart

class Images:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        if when == "it hangs":
            tell()
            mutex = ctypes.create_string_buffer(64)
            lock = ctypes.CDLL(None).pthread_mutex_lock
            lock(mutex), lock(mutex)
        return index

def tell():
    note.with_suffix(".half").write_text(str(os.getpid()))
    note.with_suffix(".half").rename(note)

def start(number):
    if when == "it starts":
        tell()
        while multiprocessing.parent_process().is_alive():
            time.sleep(0.01)
    WorkerStart()(number)
    if when == "it waits":
        tell()

method, when, note = sys.argv[1], sys.argv[2], Path(sys.argv[3])
if __name__ == "__main__":
    multiprocessing.set_start_method(method)
    loader = DataLoader(Images(), num_workers=1, worker_init_fn=start)
    iterator = iter(loader)
    while not note.exists():
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@ON_LINUX
@pytest.mark.parametrize("when", ["it starts", "it waits", "it hangs"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_no_worker_outlives_the_process_that_it_works_for(tmp_path, method, when):
    script, note = tmp_path / "dies.py", tmp_path / "worker"
    script.write_text(DIES)
    command = [sys.executable, str(script), method, when, str(note)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    # Into a file: who waits for a pipe's end waits for the worker.
    with (tmp_path / "said").open("w") as said:
        done = subprocess.run(command, timeout=60, env=env, stderr=said, stdout=said)
    assert done.returncode == -signal.SIGKILL, (tmp_path / "said").read_text()
    ends = time.monotonic() + 10
    while lives(note.read_text()) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not lives(note.read_text())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_begin_in_each_way_that_python_has(method):
    loader = DataLoader([1, 2], num_workers=1, multiprocessing_context=method)
    worker_start(loader)
    assert [batch.tolist() for batch in loader] == [[1], [2]]
