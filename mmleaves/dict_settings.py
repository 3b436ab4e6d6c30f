"""Settings that are dicts, or None for none."""

from collections.abc import Iterator, Mapping

# What each would be written as, and what its None stands for.
_LIKE = {
    "dataset": ('dict(data_root="data/mine")', "for none that loaders share"),
    "feature_cache": ("dict(views=4)", "to keep no features"),
    "image_cache": ("dict(limit_gb=4)", "to keep no images"),
    "auto_scale_lr": ("dict(base_batch_size=256)", "for a rate as it is given"),
    "randomness": ("dict(seed=0)", ""),
}


def wrong_dicts(cfg: Mapping) -> Iterator[tuple[str, str]]:
    """Yield each such setting of a config that is something else, and what is wrong.

    Args:
        cfg: The whole config.
    """
    for name, (like, none) in _LIKE.items():
        given = cfg.get(name)
        if name in cfg and not isinstance(given, Mapping):
            if given is None and none:
                continue
            instead = f", or None {none}" if none else ""
            yield name, f"found {given!r}, expected a dict such as {like}{instead}."


def refuse_wrong_dicts(cfg: Mapping) -> None:
    """Make sure that what a config has to give as a dict is one.

    Args:
        cfg: The whole config.

    Raises:
        ValueError: If one is something else; says what to write.
    """
    for name, wrong in wrong_dicts(cfg):
        raise ValueError(f"{name}: {wrong} Set it so, or leave it out.")
