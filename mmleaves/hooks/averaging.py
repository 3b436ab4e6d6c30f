"""Which hooks of a config average the weights."""

from collections.abc import Iterator

from mmengine.config import Config


def averaging_hooks(cfg: Config) -> Iterator[dict]:
    """Yield each ``EMAHook``, MMPretrain's or MMEngine's, that a config sets."""
    own = (cfg.get("default_hooks") or {}).values()
    for hook in (*own, *(cfg.get("custom_hooks") or ())):
        if averages(hook):
            yield hook


def averages(hook: dict | None) -> bool:
    """Return whether a hook of a config, None if it is switched off, is one of them."""
    kind = (hook or {}).get("type")
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return name.rpartition(".")[2] == "EMAHook"


def tests_twice(hook: dict) -> bool:
    """Return whether it tests the averages, and then what was averaged."""
    return hook.get("evaluate_on_ema", True) and hook.get("evaluate_on_origin", False)
