"""Which hooks of a config average the weights."""

from collections.abc import Iterator

from mmengine.config import Config


def averaging_hooks(cfg: Config) -> Iterator[object]:
    """Yield each ``EMAHook``, MMPretrain's or MMEngine's, that a config sets."""
    own = (cfg.get("default_hooks") or {}).values()
    for hook in (*own, *(cfg.get("custom_hooks") or ())):
        if averages(hook):
            yield hook


def averages(hook: object) -> bool:
    """Return whether a hook, or its config, is one of them; None is switched off."""
    kind = hook.get("type") if isinstance(hook, dict) else type(hook)
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return name.rpartition(".")[2] == "EMAHook"


def tests_twice(hook: object) -> bool:
    """Return whether it tests the averages, and then what was averaged."""
    settings = hook if isinstance(hook, dict) else vars(hook)
    return settings.get("evaluate_on_ema", True) and settings.get(
        "evaluate_on_origin", False
    )


def leave_out_origin(hook: object) -> None:
    """Let a hook that tests twice leave out what was averaged."""
    if isinstance(hook, dict):
        hook["evaluate_on_origin"] = False
    else:
        hook.evaluate_on_origin = False
