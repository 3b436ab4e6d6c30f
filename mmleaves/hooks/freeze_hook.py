"""Keep frozen parts in evaluation mode."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmleaves.freezing.policy import frozen_modules
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Fix BatchNorm statistics and switch off dropout in the frozen parts.

    The loop calls ``model.train()`` after ``before_train_epoch``, so it is done before
    every iteration.
    """

    priority = "HIGHEST"

    def before_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for module in frozen_modules(model, runner.cfg.get("trainable", "all")):
            if module.training:
                module.eval()
