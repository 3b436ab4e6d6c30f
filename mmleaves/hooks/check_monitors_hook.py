"""Make sure that what a run goes by is measured."""

import difflib
from collections.abc import Sequence

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from mmleaves.registry import HOOKS


def check_measured(
    monitors: dict[str, str], measured: Sequence[str], *, whole: bool
) -> None:
    """Make sure that every metric that something goes by is among those measured.

    Args:
        monitors: The metric, such as ``"accuracy/top1"``, by the setting that names it.
        measured: Names of the metrics; before any was measured, what their names begin
            with, such as ``"accuracy"``.
        whole: Whether ``measured`` are whole names.

    Raises:
        ValueError: If one is not; names the nearest.
    """
    for setting, metric in monitors.items():
        name = metric if whole else metric.split("/")[0]
        if name in measured:
            continue
        near = difflib.get_close_matches(name, measured, n=1, cutoff=0.5)
        hint = f" Nearest: {near[0]}." if near else ""
        there = ", ".join(sorted(measured)) or "none"
        more = "" if whole else " Set it, or add the metric to val_evaluator."
        raise ValueError(
            f"{setting} is {metric!r}, and no {name!r} is measured. There are: "
            f"{there}.{hint}{more}"
        )


@HOOKS.register_module()
class CheckMonitorsHook(Hook):
    """Stop if the best checkpoint, an early stop or a schedule goes by no real metric.

    What metrics are called is only known once they are measured, so a misspelt ending
    is found after the first validation, and a metric that is missing at the start.

    Raises:
        ValueError: See `check_measured`.
    """

    # Before those that go by them.
    priority = "NORMAL"
    _checked = False

    def before_train(self, runner: Runner) -> None:
        if runner.val_loop is None:
            return
        prefixes = [metric.prefix for metric in runner.val_evaluator.metrics]
        # One without a prefix may be called anything.
        if None not in prefixes:
            check_measured(_monitors(runner), prefixes, whole=False)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        training = not isinstance(runner._train_loop, dict | None)
        if training and not self._checked:
            check_measured(_monitors(runner), list(metrics or ()), whole=True)
            self._checked = True


def _monitors(runner: Runner) -> dict[str, str]:
    found = {}
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best:
            setting = "default_hooks.checkpoint.save_best"
            for i, metric in enumerate(hook.key_indicators):
                found[f"{setting}.{i}" if i else setting] = metric
        if isinstance(hook, EarlyStoppingHook):
            found["`monitor` of EarlyStoppingHook"] = hook.monitor
    schedulers = runner.param_schedulers
    several = schedulers if isinstance(schedulers, dict) else {"": schedulers}
    for name, of_one in several.items():
        where = f"param_scheduler.{name}".rstrip(".")
        for i, scheduler in enumerate(of_one or ()):
            if hasattr(scheduler, "monitor"):
                found[f"{where}.{i}.monitor"] = scheduler.monitor
    return {setting: metric for setting, metric in found.items() if metric != "auto"}
