"""Say what has become of a data loader that gives no batch."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.commands import exit_codes
from mmleaves.commands.errors import RunError
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
        self._ended.clear()
        self._thread = threading.Thread(
            target=self._watch, args=[runner], name="watch-loader", daemon=True
        )
        self._thread.start()

    def after_run(self, runner: Runner) -> None:
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
def told_of_loader() -> Iterator[None]:
    """Say in our words what torch's data loader says of dead workers in its own.

    Raises:
        LoaderError: If workers were killed, have hung, or found no shared memory.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        if (told := _told(str(error))) is None:
            raise
        raise LoaderError(told) from error


def _told(said: str) -> str | None:
    if re.search(r"DataLoader timed out after \d+", said):
        (seconds,) = re.findall(r"timed out after (\d+)", said)
        return (
            f"The data loader's workers have given no batch for {seconds} s, expected "
            "one before. They hang, or the disk is slow. Look whether the data folder "
            "can be read (ls); if it is only slow, raise train_dataloader.timeout, in "
            f"seconds, or set num_workers to 0. {_WHOLE}"
        )
    full = "No space left on device" in said or "bus error" in said.lower()
    if full and ("torch_" in said or "shm" in said or "DataLoader" in said):
        return (
            "A worker of the data loader found no room in shared memory (/dev/shm), "
            "expected room for a few batches. Make it larger (docker run "
            "--shm-size=2g), or read without workers: train_dataloader.num_workers=0 "
            f"val_dataloader.num_workers=0. {_WHOLE}"
        )
    if "DataLoader worker" in said and ("killed" in said or "exited" in said):
        return (
            f"A worker of the data loader was killed ({said.splitlines()[0]}), "
            "expected it to live as long as the run. Most often the machine was out "
            "of memory (dmesg says so): set train_dataloader.num_workers lower, or "
            f"image_cache=None. {_WHOLE}"
        )
    return None
