from mmengine.hooks import EarlyStoppingHook as UpstreamEarlyStoppingHook
from mmengine.runner import Runner

from mmleaves.registry import HOOKS

_STATE = "early_stopping"


@HOOKS.register_module()
class EarlyStoppingHook(UpstreamEarlyStoppingHook):
    """Early stopping whose count is in the checkpoints.

    Upstream's starts to count anew when a run is resumed, so that one that is
    interrupted often never stops. Arguments are upstream's.
    """

    # Before the checkpoint of this validation is written.
    priority = "ABOVE_NORMAL"

    def before_train(self, runner: Runner) -> None:
        state = runner.message_hub.runtime_info.get(_STATE)
        if state is not None:
            self.wait_count, self.best_score = state["waited"], state["best"]
            # A run that had stopped when it was interrupted does not go on.
            runner.train_loop.stop_training = state["stopped"]

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        state = {
            "waited": self.wait_count,
            "best": float(self.best_score),
            "stopped": runner.train_loop.stop_training,
        }
        runner.message_hub.update_info(_STATE, state)
