"""Which settings of a config are others, and whether the weights go by them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mmengine.config import Config

from mmleaves.cache.keep_decoded import shrinks
from mmleaves.optim.schedules_of_config import plateau_schedules

# How workers are kept, which is of no matter for what they read.
KEPT_WORKERS = (
    "persistent_workers",
    "pin_memory",
    "prefetch_factor",
    "timeout",
    "multiprocessing_context",
)
# Settings by what their names begin with. All that stand nowhere here are refused: as
# far as anyone knows, the weights become others.
#
# Of no matter for the result, or looked at elsewhere: images one by one, `trainable`,
# and how many processes a `launcher` starts.
FREE = (
    *("work_dir", "load_from", "resume", "launcher", "env_cfg", "trainable"),
    *("log_level", "log_processor", "visualizer", "vis_backends"),
    *("default_scope", "custom_imports", "runner_type", "experiment_name", "skip_bad"),
    *("image_cache.folder", "image_cache.limit_gb"),
    *("feature_cache.folder", "feature_cache.memory_gb"),
)
FREE_HOOKS = (
    *("audit", "checkpoint", "logger", "progress_bar", "run_record", "stop_on_signal"),
    *("timer", "visualization", "watch_loader"),
)
# Below any other: where things lie, and weights that a checkpoint replaces.
FREE_ENDS = ("data_root", "data_prefix", "ann_file", "img_prefix", "init_cfg")


def _any_of(names: Iterable[str]) -> str:
    return f"({'|'.join(map(re.escape, names))})"


_FREE = re.compile(
    rf"({_any_of(FREE)}|(test|tta)_\w+"
    rf"|default_hooks\.({_any_of(FREE_HOOKS)}|check_\w+)"
    rf"|train_dataloader\.{_any_of(KEPT_WORKERS)}"
    rf"|.*\.{_any_of(FREE_ENDS)})(\.|$)"
)
# How long the run is, and how validation images are loaded.
_NAMED = re.compile(
    r"(default_hooks\.early_stopping|train_cfg\.(max_epochs|max_iters)"
    rf"|val_dataloader\.{_any_of(['num_workers', *KEPT_WORKERS])})(\.|$)"
)
# What a validation scores, and when.
_SCORING = re.compile(
    r"(val_\w+|train_cfg\.(val_begin|val_interval|dynamic_intervals))(\.|$)"
)
_WORKERS = "train_dataloader.num_workers"


@dataclass
class ChangedSettings:
    """What is another setting now, in words, each with its value then and now.

    Args:
        refused: What the weights go by, as far as is known.
        named: What the weights do not go by, and scores or the length of the run may.
        workers: How many processes read the training's images, which nothing goes by.
    """

    refused: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)


def changed_settings(before: Mapping[str, str], cfg: Config) -> ChangedSettings:
    """Compare the settings that a run was begun with to those of a config.

    Args:
        before: What `settings` told of the config that the run was begun with.
        cfg: The config of now, its data sets filled in.

    Raises:
        ValueError: If a schedule has no type.
    """
    then, now = map(_with_caches, (before, settings(cfg.to_dict())))
    by_score = bool(plateau_schedules(cfg))
    # A score is of no matter for the weights unless a schedule goes by it.
    parts = ("train", "val") if by_score else ("train",)
    cache_shrinks = any(shrinks(cfg.get(f"{part}_dataloader")) for part in parts)
    changes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(then.keys() | now.keys()):
        old, new = then.get(name, "not set"), now.get(name, "not set")
        if old == new:
            continue
        kind = bearing(name, by_score=by_score, cache_shrinks=cache_shrinks)
        changes[kind].append(f"{name} was {old}, is {new}")
    return ChangedSettings(changes["refused"], changes["named"], changes["workers"])


def bearing(name: str, *, by_score: bool, cache_shrinks: bool) -> str:
    """Return what a change of a setting would do.

    Args:
        name: Its dotted name, such as ``"train_cfg.val_interval"``.
        by_score: Whether a schedule goes by the validation's score.
        cache_shrinks: Whether images come smaller with ``image_cache``.

    Returns:
        ``"refused"`` where the weights go by it, as far as is known; ``"named"`` where
        only scores or the length of the run may; ``"workers"`` for how many
        processes read the training's images, which nothing goes by, though it is
        told; ``"free"`` where nothing goes by it, and nothing is told.
    """
    if name == _WORKERS:
        return "workers"
    if _FREE.match(name):
        return "free"
    if _NAMED.match(name):
        return "named"
    if name == "image_cache":
        return "refused" if cache_shrinks else "named"
    if _SCORING.match(name):
        return "refused" if by_score else "named"
    return "refused"


def settings(config: object, name: str = "") -> dict[str, str]:
    """Return a config as one value, in writing, for each setting's dotted name."""
    children = _children(config)
    if children is None:
        return {name: re.sub(r" at 0x[0-9a-f]+", "", repr(config))}
    found = {}
    for key, child in children:
        found |= settings(child, f"{name}.{key}" if name else str(key))
    return found


def _children(config: object) -> Iterator | None:
    if isinstance(config, Mapping) and config:
        return iter(config.items())
    nested = isinstance(config, list | tuple) and any(
        isinstance(child, Mapping) for child in config
    )
    return enumerate(config) if nested else None


def _with_caches(found: Mapping[str, str]) -> dict[str, str]:
    """Return settings that say of each cache whether it is used, however they do."""
    told = {}
    for cache in ("image_cache", "feature_cache"):
        own = found.get(cache, "None")
        used = own != "None" or any(n.startswith(f"{cache}.") for n in found)
        told[cache] = "used" if used else "not used"
    return {**found, **told}
