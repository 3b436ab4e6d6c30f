"""Give all processes the same BatchNorm statistics, and leave frozen ones alone."""

from mmengine.dist import all_reduce_params
from mmengine.hooks import SyncBuffersHook
from mmengine.runner import Runner

from mmleaves.registry import HOOKS


@HOOKS.register_module()
class SyncMovingBuffersHook(SyncBuffersHook):
    """Average, after each epoch, the buffers of the modules that are being trained.

    Upstream's averages all: over three processes, the mean of equal numbers need not be
    that number, so that frozen statistics would move.
    """

    def before_val_epoch(self, runner: Runner) -> None:
        # A validation in the midst of an epoch that is counted by iterations.
        if self.distributed and not self.called_in_train:
            _average(runner)
        self.called_in_train = False

    def after_train_epoch(self, runner: Runner) -> None:
        if self.distributed:
            _average(runner)
            self.called_in_train = True


def _average(runner: Runner) -> None:
    moving = (module for module in runner.model.modules() if module.training)
    buffers = [buffer for module in moving for buffer in module.buffers(recurse=False)]
    all_reduce_params(buffers, op="mean")
