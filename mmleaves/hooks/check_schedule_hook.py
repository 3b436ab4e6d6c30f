"""Say when a run starts what in its schedule does not fit it."""

import logging

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmleaves.optim.schedule_check import schedule_warnings
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class CheckScheduleHook(Hook):
    """Log what `schedule_warnings` finds, once, before the first iteration."""

    priority = "VERY_HIGH"

    @master_only
    def before_train(self, runner: Runner) -> None:
        iters = len(runner.train_dataloader)
        for text in schedule_warnings(runner.cfg, iters, world_size=runner.world_size):
            print_log(text, logger="current", level=logging.WARNING)
