"""Do the runs of an experiment on this machine, some of them at once."""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from mmleaves.experiments.child import TAKEN, child, failure
from mmleaves.experiments.runs import LOCK, Run
from mmleaves.locks import is_held
from mmleaves.machine_cores import cores

POLL_SECONDS = 1.0
END_SECONDS = 15
# A config that failed so often will most likely do so again.
GIVE_UP_AFTER = 2
# What every run imports: half of what a short one takes, when each does so for itself.
PRELOADED = (
    "mmleaves.experiments.do_run",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "pyarrow.parquet",
    "sklearn.model_selection",
)


class Watcher(Protocol):
    """Who is told what happens."""

    def started(self, run: Run) -> None: ...

    def finished(self, run: Run, *, elsewhere: bool) -> None: ...

    def failed(self, run: Run, reason: str) -> None: ...

    def given_up(self, run: Run) -> None: ...

    def waiting(self, runs: Sequence[Run]) -> None: ...


def share_cores(jobs: int) -> None:
    """Divide the cores among the jobs, unless ``OMP_NUM_THREADS`` says otherwise."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // jobs)))


def run_jobs(runs: Sequence[Run], *, jobs: int, watcher: Watcher) -> list[Run]:
    """Do runs, each in a process of its own, and return those that failed.

    A failed run does not stop the others; but after two of one config, its other runs
    are not started. Runs that another process is doing are waited for at the end, and
    done here if that process ends without them. However this function is left, no
    process stays behind.

    Args:
        runs: What to do, in this order; none is complete.
        jobs: How many at once.
        watcher: Is told what happens.
    """
    context = _context()
    todo, taken, failed = list(runs), [], []
    at_work: dict[int, tuple[BaseProcess, Run, int]] = {}
    slots = list(range(jobs))
    given_up: Counter[str] = Counter()
    told: list[Run] = []
    try:
        while todo or taken or at_work:
            while todo and len(at_work) < jobs:
                run = todo.pop(0)
                if given_up[run.config] >= GIVE_UP_AFTER:
                    failed.append(run)
                    watcher.given_up(run)
                elif run.is_complete:
                    watcher.finished(run, elsewhere=True)
                elif is_held(run.folder / LOCK):
                    taken.append(run)
                else:
                    slot = slots.pop(0)
                    process = context.Process(target=child, args=(run, slot))
                    process.start()
                    at_work[process.sentinel] = process, run, slot
                    watcher.started(run)
            if at_work:
                ended = wait(list(at_work), timeout=POLL_SECONDS)
            else:
                if told != taken:
                    watcher.waiting(taken)
                    told = list(taken)
                time.sleep(POLL_SECONDS if taken else 0)
                ended = []
            for sentinel in ended:
                process, run, slot = at_work.pop(sentinel)
                process.join()
                slots.append(slot)
                if process.exitcode == TAKEN:
                    taken.append(run)
                elif process.exitcode == 0:
                    watcher.finished(run, elsewhere=False)
                else:
                    given_up[run.config] += 1
                    failed.append(run)
                    watcher.failed(run, failure(run, process.exitcode))
            free = [r for r in taken if r.is_complete or not is_held(r.folder / LOCK)]
            taken = [run for run in taken if run not in free]
            todo += free
    finally:
        _end([process for process, *_ in at_work.values()])
    return failed


def _end(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + END_SECONDS
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _context() -> multiprocessing.context.BaseContext:
    """Return a way to start processes that have the whole stack imported, if it can be.

    What has looked for a GPU must not be forked, nor what runs on macOS.
    """
    import torch

    if sys.platform != "linux" or torch.cuda.is_available():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context
