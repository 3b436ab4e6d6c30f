"""Keep what is frozen as it is while the rest is trained."""

import json
from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import EMAHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.policy import Setting
from mmleaves.freezing.proof import check_unchanged, digests
from mmleaves.freezing.report import format_report, freeze_report
from mmleaves.hooks.go_on_hook import epoch_of_state


class FreezeHook(Hook):
    """Report, keep and prove what a freeze policy leaves out of the training.

    At the start it logs how many parameters of each part are trained, and writes it
    to ``freeze.json`` in the run's folder. In the frozen parts BatchNorm statistics are
    fixed, and dropout and drop path are off. Where the policy changes over time, it
    thaws what is next; what is frozen then is frozen in the averages of an ``EMAHook``
    too, which take its last values. At each such change and at the end it compares the
    sha256 of every frozen tensor with that from before; checkpoints carry them, so that
    a resumed run proves the same from its first step to its last. Of a checkpoint
    with averages, those are what a run starts from, or tests.

    The runner registers it, with the policy that it has applied.

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
        self._refuse_steps_that_never_come(runner)
        self._check()
        self._enter(runner, self._freezer.step(epoch_of_state(runner)))
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
        checkpoint["trainable"] = _plain(self._freezer.setting)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._refuse_other_lora(checkpoint)
        # Weights from elsewhere to start from have changed nothing yet.
        if not runner._resume:
            _take_averages_for_weights(runner, checkpoint)
            return
        setting = _plain(self._freezer.setting)
        if (before := checkpoint.get("trainable", setting)) != setting:
            raise ValueError(
                f"The run was begun with trainable={before!r}, and is resumed with "
                f"{setting!r}. A resumed run goes on with its policy. To train more "
                "from some epoch on, begin with a list such as "
                '["classifier", "all@3"]; to start anew from its weights, set '
                "load_from=CHECKPOINT without --resume."
            )
        self._before = dict(checkpoint.get("frozen", {}))

    def _refuse_steps_that_never_come(self, runner: Runner) -> None:
        later = [epoch for epoch, _ in self._freezer.steps[1:]]
        if not later:
            return
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                f"trainable={self._freezer.setting!r} changes by epochs, and this run "
                "is counted in iterations. Set train_cfg.by_epoch=True and max_epochs."
            )
        if later[-1] >= runner.max_epochs:
            raise ValueError(
                f"trainable={self._freezer.setting!r} changes after {later[-1]} "
                f"epochs, and the run has {runner.max_epochs}. Let it change earlier, "
                "or set train_cfg.max_epochs."
            )

    def _refuse_other_lora(self, checkpoint: dict) -> None:
        """Refuse low-rank updates that the model has no place for, or a smaller one."""
        given = {
            name.removeprefix("module."): len(tensor)  # of several processes
            for name, tensor in checkpoint.get("state_dict", {}).items()
            if name.endswith(".lora_down.weight")
        }
        own = {
            name: len(parameter)
            for name, parameter in self._freezer.model.named_parameters()
            if name in given
        }
        if given and not own:
            raise ValueError(
                "The checkpoint holds low-rank updates, and with trainable="
                f"{self._freezer.setting!r} the model has no place for them: its "
                "attention would stay untrained. Use the lora policy it was trained by."
            )
        if other := [name for name, rank in own.items() if rank != given[name]]:
            raise ValueError(
                f"The checkpoint holds low-rank updates of rank {given[other[0]]}, and "
                f"trainable={self._freezer.setting!r} adds some of rank "
                f"{own[other[0]]}. Use the lora policy it was trained by."
            )

    def _check(self) -> None:
        """Compare with the digests taken last."""
        # Not the state dict: some models change the names in theirs.
        model = self._freezer.model
        tensors = dict(model.named_parameters(remove_duplicate=False))
        tensors |= dict(model.named_buffers(remove_duplicate=False))
        kept = {name: tensors[name] for name in self._before if name in tensors}
        check_unchanged(self._before, digests(kept))
        self._proved = max(self._proved, len(kept))

    def _enter(self, runner: Runner, step: int) -> None:
        self._step = step
        self._freezer.apply(step)
        frozen = self._freezer.frozen_tensors(step)
        self._before = digests(frozen)
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                # Else the average of what was trained before would go on moving.
                averaged = hook.ema_model.module
                averages = dict(averaged.named_parameters(remove_duplicate=False))
                averages |= dict(averaged.named_buffers(remove_duplicate=False))
                for name in averages.keys() & frozen.keys():
                    averages[name].data.copy_(frozen[name])
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


def _take_averages_for_weights(runner: Runner, checkpoint: dict) -> None:
    """Leave an ``EMAHook`` the averages, which are a checkpoint's ``state_dict``.

    MMPretrain's puts the others into the model, and the averages in their place when
    the training, or a test, begins: too late for what is frozen and folded by then.
    """
    is_training = isinstance(runner._train_loop, BaseLoop)
    wants_origin = any(getattr(h, "evaluate_on_origin", False) for h in runner.hooks)
    if is_training or not wants_origin:
        checkpoint.pop("ema_state_dict", None)


def _plain(setting: Setting) -> str | list | dict:
    if isinstance(setting, Mapping):
        return {str(branch): _plain(policy) for branch, policy in setting.items()}
    return setting if isinstance(setting, str) else list(setting)
