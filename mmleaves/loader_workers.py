"""How a data loader's workers begin, and how they end."""

import ctypes
import gc
import multiprocessing.process
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable

from torch.utils.data import DataLoader, _utils
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

# Of <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1


class WorkerStart:
    """What starts a worker: it dies with the process that its work is for.

    By itself a worker looks whether its parent lives, but not while it hangs in C, as
    on a disk that is gone, nor where a fork server is its parent. Linux kills it with
    the thread that has started it, which is most often the main one.

    Args:
        start: What else starts it.

    Attributes:
        ignored: Signals that are for its parent to hear alone.
    """

    def __init__(self, start: Callable[[int], None] | None = None) -> None:
        self._start = start
        self.ignored: tuple[signal.Signals, ...] = ()

    def __call__(self, number: int) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        asked = multiprocessing.parent_process()
        if asked is not None and os.getppid() != asked.pid:
            # A fork server is the parent; or that has died before it was said above
            # what is to follow from it.
            threading.Thread(target=_end_with, args=[asked], daemon=True).start()
        for of_parent in self.ignored:
            # No handler of Python's, which would not run while a worker hangs in C.
            signal.signal(of_parent, signal.SIG_IGN)
        if self._start is not None:
            self._start(number)


def _end_with(process: multiprocessing.process.BaseProcess) -> None:
    process.join()
    os._exit(1)


def worker_start(loader: DataLoader) -> WorkerStart:
    """Return what starts a loader's workers, which is a `WorkerStart` from now on."""
    if not isinstance(loader.worker_init_fn, WorkerStart):
        loader.worker_init_fn = WorkerStart(loader.worker_init_fn)
    return loader.worker_init_fn


def end_workers(loader: DataLoader | None, wait_s: float = 5) -> None:
    """End the workers that a loader keeps from epoch to epoch.

    Left to Python they may stay for ever: what torch tells them when the loader is
    garbage can be lost, and SIGTERM, its second try, they may ignore.

    Args:
        loader: The loader, or what else a loop has in its place.
        wait_s: As of `kill_workers`.
    """
    iterator = getattr(loader, "_iterator", None)
    if isinstance(iterator, _MultiProcessingDataLoaderIter):
        iterator._shutdown_workers()
        _kill(iterator._workers, wait_s)
        loader._iterator = None


def kill_workers(wait_s: float = 5) -> None:
    """Kill the workers of all data loaders.

    Args:
        wait_s: How long to wait for them to be gone. One that a disk keeps from dying
            is left to the system.
    """
    loaders = [o for o in gc.get_objects() if type(o) is _MultiProcessingDataLoaderIter]
    for loader in loaders:
        # What it does at its end waits for locks that a worker may hold when it dies.
        loader._shutdown = True
        if getattr(loader, "_worker_pids_set", False):
            # Else a worker's death would be an error, wherever we are by then.
            _utils.signal_handling._remove_worker_pids(id(loader))
            loader._worker_pids_set = False
        if hasattr(loader, "_pin_memory_thread_done_event"):
            loader._pin_memory_thread_done_event.set()
    _kill([w for loader in loaders for w in getattr(loader, "_workers", ())], wait_s)


def _kill(
    workers: Iterable[multiprocessing.process.BaseProcess], wait_s: float
) -> None:
    for worker in workers:
        worker.kill()
    ends = time.monotonic() + wait_s
    for worker in workers:
        worker.join(max(0.0, ends - time.monotonic()))
        # Of those, Python waits at its end for each, for ever.
        multiprocessing.process._children.discard(worker)
