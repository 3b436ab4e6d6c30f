"""Keep everything that could run code out of checkpoints."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.checkpoints.plain import from_plain, to_plain
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Store checkpoints as tensors and plain types, whatever the other hooks put in."""

    priority = "LOWEST"

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint.update(to_plain(checkpoint))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if "message_hub" in checkpoint:
            checkpoint["message_hub"] = from_plain(checkpoint["message_hub"])
