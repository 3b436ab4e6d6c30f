"""Keep what is frozen as it is while the rest is trained."""

import json
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.proof import check_unchanged, digests
from mmleaves.freezing.report import format_report, freeze_report
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Report, keep and prove what a freeze policy leaves out of the training.

    At the start it logs how many parameters of each part are trained, and writes it
    to ``freeze.json`` in the run's folder. In the frozen parts BatchNorm statistics are
    fixed, and dropout and drop path are off. Where the policy changes over time, it
    thaws what is next. At each such change and at the end it compares the sha256 of
    every frozen tensor with that from before; checkpoints carry them, so that a
    resumed run proves the same from its first step to its last.

    The runner registers it; a config need not.

    Args:
        freezer: The policy on the runner's model.

    Raises:
        RuntimeError: If a frozen tensor has changed; names it.
    """

    priority = "HIGHEST"

    def __init__(self, freezer: Freezer) -> None:
        self._freezer = freezer
        self._step = -1
        self._before: dict[str, str] = {}
        self._proved = 0

    def before_train(self, runner: Runner) -> None:
        self._check()
        self._enter(runner, self._freezer.step(runner.epoch))
        self._report(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        step = self._freezer.step(runner.epoch)
        if step != self._step:
            self._check()
            self._enter(runner, step)
            model = self._freezer.model
            count = sum(p.numel() for p in model.parameters() if p.requires_grad)
            runner.logger.info(
                f"From epoch {runner.epoch + 1} on, {count:,} parameters are trained, "
                f"by trainable={self._freezer.setting!r}."
            )

    def before_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        # The loop calls `model.train()` after `before_train_epoch`.
        self._freezer.hold(self._step)

    def after_train(self, runner: Runner) -> None:
        self._check()
        if self._proved:
            runner.logger.info(
                f"Frozen stayed frozen: by their sha256, {self._proved} tensors are, "
                "while they were frozen, what they were before."
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint["frozen"] = self._before

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # Weights from elsewhere to start from have changed nothing yet.
        if runner._resume:
            self._before = dict(checkpoint.get("frozen", {}))

    def _check(self) -> None:
        """Compare with the digests taken last."""
        tensors = dict(self._freezer.model.state_dict())
        tensors |= dict(self._freezer.model.named_buffers())
        kept = {name: tensors[name] for name in self._before if name in tensors}
        check_unchanged(self._before, digests(kept))
        self._proved = max(self._proved, len(kept))

    def _enter(self, runner: Runner, step: int) -> None:
        self._step = step
        self._freezer.apply(step)
        self._before = digests(self._freezer.frozen_tensors(step))
        if is_model_wrapper(runner.model) and step > 0:
            # It reduces the gradients of those that had some when it was made.
            runner.model = runner.wrap_model(
                runner.cfg.get("model_wrapper_cfg"), runner.model.module
            )

    @master_only
    def _report(self, runner: Runner) -> None:
        report = freeze_report(self._freezer)
        runner.logger.info(
            f"What is trained, trainable={self._freezer.setting!r}:\n"
            f"{format_report(report)}"
        )
        text = json.dumps(report, indent=2, ensure_ascii=False)
        Path(runner.work_dir, "freeze.json").write_text(f"{text}\n", "utf-8")
