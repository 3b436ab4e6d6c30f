from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.hooks.go_on_hook import PENDING
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class PendingValidationHook(Hook):
    """Begin a resumed run with the validation in which it was stopped."""

    # After all others are ready; and before the loop asks whether to train on, as the
    # validation may be what stops the training.
    priority = "LOWEST"

    def before_train(self, runner: Runner) -> None:
        pending = runner.message_hub.runtime_info.get(PENDING, 0)
        if pending and runner.val_loop is not None:
            runner.logger.info(f"The validation after epoch {pending} comes first.")
            runner.val_loop.run()
