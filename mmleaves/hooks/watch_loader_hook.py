"""Say what has become of a data loader that gives no batch."""

import errno
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmleaves import exit_codes
from mmleaves.errors import RunError
from mmleaves.loader_workers import kill_workers, worker_start
from mmleaves.registry import HOOKS

_WHOLE = "Checkpoints that were written are whole: go on with --resume."


class LoaderError(RunError):
    """A worker of the data loader was killed, has hung, or found no shared memory."""

    exit_code = exit_codes.MACHINE


@HOOKS.register_module()
class WatchLoaderHook(Hook):
    """Say so when the data loader has given no batch for a while.

    A disk may only be slow, so the run waits on, up to the loader's ``timeout``.

    Args:
        warn_after_s: Seconds without a batch after which it is said, once a wait.
    """

    priority = "VERY_LOW"

    def __init__(self, *, warn_after_s: float = 50) -> None:
        self.warn_after_s = warn_after_s
        self._waiting_since: float | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def before_run(self, runner: Runner) -> None:
        for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
            loader = getattr(loop, "dataloader", None)
            if isinstance(loader, DataLoader):
                worker_start(loader)
        self._ended.clear()
        self._thread = threading.Thread(
            target=self._watch, args=[runner], name="watch-loader", daemon=True
        )
        self._thread.start()

    def after_run(self, runner: Runner) -> None:
        self.end()

    def end(self) -> None:
        """Watch no longer, however the run ended."""
        self._ended.set()

    def _watch(self, runner: Runner) -> None:
        while not self._ended.wait(min(1.0, self.warn_after_s / 2)):
            since = self._waiting_since
            if since is None or time.monotonic() - since < self.warn_after_s:
                continue
            self._waiting_since = None
            runner.logger.warning(
                f"No batch for {time.monotonic() - since:.0f} s: the data loader's "
                "workers hang, or the disk is slow. The run waits on, until the "
                "loader's `timeout`. Look whether the data folder can be read (ls), "
                "and at the workers (ps); num_workers=0 reads without them."
            )

    def _wait(self) -> None:
        self._waiting_since = time.monotonic()

    def _go_on(self) -> None:
        self._waiting_since = None

    def before_train_epoch(self, runner: Runner) -> None:
        self._wait()

    def before_val_epoch(self, runner: Runner) -> None:
        self._wait()

    def before_test_epoch(self, runner: Runner) -> None:
        self._wait()

    def after_train_epoch(self, runner: Runner) -> None:
        self._go_on()

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._go_on()

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._go_on()

    def _before_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        mode: str = "train",
    ) -> None:
        self._go_on()

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Sequence | dict | None = None,
        mode: str = "train",
    ) -> None:
        self._wait()


@contextmanager
def told_of_loader(loader: str) -> Iterator[None]:
    """Say in our words what torch's data loader says of dead workers in its own.

    After any error the loaders' workers are killed: nobody waits for them any more.

    Args:
        loader: The config's name of it, such as ``"test_dataloader"``.

    Raises:
        LoaderError: If workers were killed, have hung, or found no shared memory.
    """
    try:
        yield
    except RunError:
        kill_workers()
        raise
    except (RuntimeError, OSError) as error:
        kill_workers()
        if (told := _told(error, loader)) is None:
            raise
        raise LoaderError(told) from error
    except BaseException:
        kill_workers()
        raise


def _told(error: Exception, loader: str) -> str | None:
    said = str(error)
    whole = f" {_WHOLE}" if loader == "train_dataloader" else ""
    if found := re.match(r"DataLoader timed out after (\d+)", said):
        return (
            f"The data loader's workers have given no batch for {found[1]} s, expected "
            "one before. They hang, or the disk is slow. Look whether the data folder "
            f"can be read (ls); if it is only slow, raise {loader}.timeout, in "
            f"seconds, or set {loader}.num_workers=0.{whole}"
        )
    if _no_shared_memory(error, said):
        without = f"{loader}.num_workers=0"
        if loader == "train_dataloader":
            without += " val_dataloader.num_workers=0"
        return (
            "A worker of the data loader found no room in shared memory (/dev/shm), "
            "expected room for a few batches. Make it larger (docker run "
            f"--shm-size=2g), or read without workers: {without}.{whole}"
        )
    if re.match(r"DataLoader worker \(pid.*\) (is killed|exited)", said):
        return (
            f"A worker of the data loader was killed ({said.splitlines()[0]}), "
            "expected it to live as long as the run. Most often the machine was out "
            f"of memory (dmesg says so): set {loader}.num_workers lower, or "
            f"image_cache.limit_gb.{whole}"
        )
    return None


def _no_shared_memory(error: Exception, said: str) -> bool:
    """Return whether it is torch that says so, not a path in what another says."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return str(error.filename or "").startswith("/dev/shm/")
    return bool(
        re.match(r"DataLoader worker \(pid.*\) .*bus error", said, re.IGNORECASE)
        or re.search(r"unable to .*</?torch_\w+>.*No space left on device", said)
        or re.search(r"No space left on device: '/dev/shm/", said)
    )
