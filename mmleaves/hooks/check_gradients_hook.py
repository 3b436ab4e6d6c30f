"""Tell of what is to be trained and cannot be, as the loss does not depend on it."""

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from mmleaves.freezing.freezer import Freezer


class CheckGradientsHook(Hook):
    """Name the parts that have no gradient in the first iteration, in the log.

    Such as the last stage of a backbone of which ``out_indices`` takes an earlier one:
    it would be counted as trained, and stay as it is. Where the policy changes over
    time, it looks again.

    The runner registers it, with the policy that it has applied.

    Args:
        freezer: The policy on the runner's model.
    """

    priority = "VERY_HIGH"  # after FreezeHook, which says what is trained

    def __init__(self, freezer: Freezer) -> None:
        self._freezer = freezer
        self._step = -1
        self._handles: list[RemovableHandle] = []
        self._had_one: set[int] = set()

    def before_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        step = self._freezer.step(runner.epoch)
        if step == self._step:
            return
        self._step, self._had_one = step, set()
        trained = self._freezer.trained_tensors(step)
        self._handles = [
            # Not `grad`, which is cleared with the step.
            parameter.register_post_accumulate_grad_hook(self._note)
            for parameter in self._freezer.model.parameters()
            # A hook of the user's own may have taken it back.
            if id(parameter) in trained and parameter.requires_grad
        ]

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if not self._handles:
            return
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if not self._had_one:
            return  # the loop trains in a way of its own
        trained = self._freezer.trained(self._step)
        parameters = dict(self._freezer.model.named_parameters(remove_duplicate=False))
        without = []
        for part in self._freezer.parts:
            own = [parameters[name] for name in part.parameters if name in trained]
            own = [parameter for parameter in own if parameter.requires_grad]
            if own and self._had_one.isdisjoint(map(id, own)):
                without.append(f"{part.name} ({sum(p.numel() for p in own):,})")
        if without:
            print_log(
                f"Had no gradient in iteration {runner.iter + 1}, and are to be "
                f"trained (parameters): {', '.join(without)}. Either the loss does not "
                "depend on them, as where `out_indices` of the backbone takes an "
                "earlier stage, or checkpointing (`with_cp`, `use_checkpoint`) behind "
                "what is frozen keeps it from them.",
                logger="current",
                level=logging.WARNING,
            )

    def _note(self, parameter: Tensor) -> None:
        self._had_one.add(id(parameter))
