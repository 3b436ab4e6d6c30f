"""A run beside the training: built by the same code, and gone when it is over."""

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config

from mmleaves.hooks.averaging import averages

# What keeps something of a run, or sets or checks what it is not about: hooks that
# MMEngine puts back unless they are None, and others.
_STOCK = ("checkpoint", "logger", "param_scheduler", "timer")
_OTHERS = (
    "check_numbers",
    "check_schedule",
    "early_stopping",
    "go_on",
    "plain_checkpoint",
    "run_record",
    "stop_on_signal",
    "visualization",
)


@contextmanager
def side_run(cfg: Config) -> Iterator[Config]:
    """Give a config of the same training that validates nothing and leaves no file.

    Args:
        cfg: The training's config; not changed.
    """
    cfg = copy.deepcopy(cfg)
    for key in ("val", "test"):
        for part in ("cfg", "dataloader", "evaluator"):
            cfg[f"{key}_{part}"] = None
    for name in _OTHERS:
        cfg.default_hooks.pop(name, None)
    # Of averages it needs none, and `begin_epoch` of the hook may be past its end.
    for name in [n for n, hook in cfg.default_hooks.items() if averages(hook)]:
        del cfg.default_hooks[name]
    hooks = cfg.get("custom_hooks") or []
    cfg.custom_hooks = [hook for hook in hooks if not averages(hook)]
    cfg.default_hooks.update(dict.fromkeys(_STOCK))
    cfg.visualizer = {"type": "Visualizer", "vis_backends": []}
    cfg.resume = False
    # What is kept for other runs: it would be a file that is left.
    cfg.image_cache = cfg.feature_cache = None
    cfg.log_level = "WARNING"
    with tempfile.TemporaryDirectory(prefix="mmleaves-") as folder:
        cfg.work_dir = folder
        yield cfg
