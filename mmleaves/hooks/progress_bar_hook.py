"""How far the run is and how long it will still take."""

import atexit
import logging
import sys

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmleaves.registry import HOOKS


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Show a bar over the whole run, in iterations, where a terminal can show it.

    Elsewhere, as in a log file, the ``eta`` of each log line says the same.
    """

    priority = "VERY_LOW"
    _bar: Progress | None = None

    def before_train(self, runner: Runner) -> None:
        if not (is_main_process() and sys.stdout.isatty()):
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(compact=True),
            transient=True,
        )
        self._bar.start()
        # A run that fails never gets to `after_train`, and would leave no cursor.
        atexit.register(self._bar.stop)
        self._redirect_logs(runner)
        self._task = self._bar.add_task(
            "", total=runner.max_iters, completed=runner.iter
        )

    def before_train_epoch(self, runner: Runner) -> None:
        if self._bar is not None:
            epoch = f"epoch {runner.epoch + 1}/{runner.max_epochs}"
            # At once: an epoch may be over before the bar's next turn.
            self._bar.update(self._task, description=epoch, refresh=True)

    def after_train_iter(self, runner: Runner, *_: object, **__: object) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=runner.iter + 1)

    def before_val(self, runner: Runner) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description="validation")

    def after_train(self, runner: Runner) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._redirect_logs(runner)

    def _redirect_logs(self, runner: Runner) -> None:
        # While it runs, the bar replaces sys.stdout by a stream that prints above it;
        # the log's handler has kept the one from before.
        for handler in runner.logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream(sys.stdout)
