"""Stop when the machine is wanted back, with everything saved."""

import atexit
import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import torch
from mmengine.dist import all_reduce, barrier, get_world_size, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmleaves import exit_codes
from mmleaves.checkpoints.newest import INTERRUPTED
from mmleaves.checkpoints.pointer import write_pointer
from mmleaves.hooks.go_on_hook import ITERATIONS_DONE, PENDING
from mmleaves.hooks.safe_checkpoint_hook import validates_after
from mmleaves.loader_workers import kill_workers, worker_start
from mmleaves.registry import HOOKS

# The signals of `kill` and of SLURM's --signal=USR1; Windows has the first alone.
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name)
)

# Where processes have to ask each other.
_ITERATIONS_BETWEEN = 10
# What starts several processes passes a signal on that they may have had themselves.
_PASSED_ON_S = 5


@HOOKS.register_module()
class StopOnSignalHook(Hook):
    """On SIGTERM or SIGUSR1 finish the iteration, save, and exit with 75.

    ``--resume`` goes on in the middle of the epoch, or with the validation that was
    interrupted, and ends with the weights of a run that was not. A second signal exits
    at once, and leaves the last epoch's checkpoint.

    Several processes have to stop after the same iteration, for which they ask each
    other. As that makes each wait for all, they do so every tenth iteration, and at the
    end of a validation, or of an epoch without one.
    """

    # What is saved has to know of what the other hooks do after an iteration.
    priority = "LOWEST"

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._received_at = -math.inf
        self._before: dict = {}
        self._something_to_save = False
        self._done = 0

    def before_train(self, runner: Runner) -> None:
        self._received, self._something_to_save = None, False
        self._received_at = -math.inf
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._receive)
        # They ignore SIGTERM, by which Python would end them, and then wait for them.
        atexit.unregister(kill_workers)
        atexit.register(kill_workers)
        for loop in (runner.train_loop, runner.val_loop):
            loader = getattr(loop, "dataloader", None)
            if isinstance(loader, DataLoader):
                # What is sent to a whole group, as SLURM does, reaches workers too,
                # whose batches are needed until all is saved.
                worker_start(loader).ignored = _SIGNALS

    def after_train(self, runner: Runner) -> None:
        self.end()

    def end(self) -> None:
        """Let signals do what they did before the training, however that ended."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if get_world_size() > 1 and now - self._received_at < _PASSED_ON_S:
            return
        self._received_at = now
        if self._received is not None or not self._something_to_save:
            raise SystemExit(exit_codes.INTERRUPTED)
        self._received = signal.Signals(number)

    def before_train_epoch(self, runner: Runner) -> None:
        self._done = runner.message_hub.runtime_info.get(ITERATIONS_DONE, 0)

    def _before_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        mode: str = "train",
    ) -> None:
        self._something_to_save = True

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: dict | None = None,
    ) -> None:
        total = runner.iter + 1
        self._done += 1
        if self._done == len(runner.train_loop.dataloader) and _counts_epochs(runner):
            return  # the epoch ends, and with it comes a checkpoint
        accumulated = getattr(runner.optim_wrapper, "_accumulative_counts", 1)
        if total % _iterations_between(accumulated) == 0 and self._is_wanted():
            if _counts_epochs(runner):
                runner.message_hub.update_info(ITERATIONS_DONE, self._done)
            self._save(runner, {"epoch": runner.epoch, "iter": total})

    def after_train_epoch(self, runner: Runner) -> None:
        if not validates_after(runner, runner.epoch + 1) and self._is_wanted():
            self._save(runner, {"epoch": runner.epoch + 1, "iter": runner.iter})

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Sequence | None = None,
    ) -> None:
        done = batch_idx + 1
        is_last = done == len(runner.val_loop.dataloader)
        if not (is_last or done % _iterations_between() == 0) or not self._is_wanted():
            return
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                # During a validation the model has the averaged weights.
                hook.after_val_epoch(runner)
        runner.message_hub.update_info(PENDING, runner.epoch)
        self._save(runner, {"epoch": runner.epoch, "iter": runner.iter})

    def _is_wanted(self) -> bool:
        if get_world_size() == 1:
            return self._received is not None
        wanted = torch.tensor(float(self._received is not None))
        if torch.cuda.is_available():
            wanted = wanted.cuda()
        all_reduce(wanted, "max")
        return bool(wanted)

    def _save(self, runner: Runner, meta: dict) -> None:
        if get_world_size() > 1:
            # When the first of them ends, what started them ends the others.
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        runner.save_checkpoint(runner.work_dir, INTERRUPTED, meta=meta)
        if is_main_process():
            folder = Path(runner.work_dir)
            write_pointer(folder, folder / INTERRUPTED)
        barrier()
        runner.logger.warning(
            f"Stopped by {self._received.name if self._received else 'a signal'} in "
            f"epoch {meta['epoch'] + 1}, after {meta['iter']} iterations in all: "
            f"{INTERRUPTED} has it. To go on: the same command with --resume."
        )
        raise SystemExit(exit_codes.INTERRUPTED)


def _iterations_between(accumulated: int = 1) -> int:
    """Return after how many iterations to look for a signal.

    A count, not a time: of that no two processes have the same.

    Args:
        accumulated: Iterations for an update of the weights; half of one is not saved.
    """
    at_least = 1 if get_world_size() == 1 else _ITERATIONS_BETWEEN
    return accumulated * math.ceil(at_least / accumulated)


def _counts_epochs(runner: Runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)
