"""What a checkpoint has to hold, before anything is made of it."""

from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path

import numpy as np
import torch

from mmleaves import exit_codes
from mmleaves.checkpoints.manifest import DamagedCheckpointError
from mmleaves.checkpoints.plain import is_whole_history
from mmleaves.errors import RunError

_MISSING = object()
# The numbers of MMEngine's schedulers, where they have them.
_COUNTS = {"last_step", "_global_step", "begin", "end"}
_OF_SCHEDULES = _COUNTS | {
    *("gamma", "step_size", "factor"),
    *("total_iters", "T_max", "eta_min", "eta_min_ratio", "start_factor", "power"),
    *("end_factor", "total_steps", "eta_max", "pct_start", "div_factor"),
    *("final_div_factor", "patience", "cooldown", "threshold"),
}
_Rule = tuple[str, Callable[[object], bool], str]


class NotResumableError(RunError, ValueError):
    """A checkpoint has weights, and not what a run needs to go on."""

    exit_code = exit_codes.NO_GOOD_CHECKPOINT


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _has_names(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _are_weights(value: object) -> bool:
    # `get_extra_state` of a module may give anything.
    return _has_names(value) and all(
        isinstance(x, torch.Tensor) or name.endswith("_extra_state")
        for name, x in value.items()
    )


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(x, str) for x in value)


def _are_numbers(value: object) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.dim() == 1
        and not value.is_floating_point()
    )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_optimizer(value: object) -> bool:
    """Return whether an optimiser can have saved it, or several, each by its name."""
    if not isinstance(value, dict) or not value:
        return False
    if "param_groups" not in value:
        return all(map(_is_optimizer, value.values()))
    groups = value["param_groups"]
    return (
        isinstance(value.get("state"), dict)
        and all(isinstance(state, dict) for state in value["state"].values())
        and isinstance(groups, list)
        and all(isinstance(g, dict) and "params" in g for g in groups)
    )


def _are_schedules(value: object) -> bool:
    lists = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(x, list) and all(map(_is_schedule, x)) for x in lists)


def _is_schedule(value: object) -> bool:
    """Return whether the numbers of a scheduler of MMEngine's are numbers.

    Whatever it holds takes the place of the scheduler's own attributes.
    """
    if not _has_names(value) or "optimizer" in value:
        return False
    bases = value.get("base_values", [])
    given = {key: value[key] for key in _OF_SCHEDULES & value.keys()}
    return (
        isinstance(bases, list | tuple)
        and all(map(_is_number, bases))
        and all(map(_or_none(_is_number), given.values()))
        and all(given[key] is not None for key in _COUNTS & given.keys())
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) or (
        isinstance(value, torch.Tensor) and value.dim() == 0
    )


def _are_flags(value: object) -> bool:
    return isinstance(value, dict) and all(type(x) is bool for x in value.values())


def _is_early_stopping(value: object) -> bool:
    return isinstance(value, dict) and value.keys() >= {"waited", "best", "stopped"}


def _or_none(right: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or right(value)


def _histories_are_whole(value: object) -> bool:
    if isinstance(value, dict):
        return is_whole_history(value) and all(
            map(_histories_are_whole, value.values())
        )
    if isinstance(value, list | tuple):
        return all(map(_histories_are_whole, value))
    return True


# Of every checkpoint, where it has them. What stands above comes before what is in it.
_PARTS: list[_Rule] = [
    ("state_dict", _has_names, "a dict of tensors by name"),
    ("meta", _or_none(_is_dict), "a dict"),
    ("meta.dataset_meta", _or_none(_is_dict), "a dict"),
    ("meta.train_images", _are_numbers, "a tensor of whole numbers"),
    ("meta.extra_features", _or_none(_are_names), "a list of names"),
    ("message_hub", _or_none(_is_dict), "a dict"),
    ("message_hub", _histories_are_whole, "histories of two tensors each"),
]
_HUB = "message_hub.runtime_info"
# Of one to resume, where it has them.
_RESUMED_PARTS: list[_Rule] = [
    ("meta.seed", _or_none(_is_count), "a whole number from 0"),
    ("meta.settings", _has_names, "a dict of settings by name"),
    ("meta.world_size", _is_count, "a whole number from 0"),
    *[
        (f"meta.{part}_{what}", _are_numbers, "a tensor of whole numbers")
        for part in ("train", "val")
        for what in ("files", "labels")
    ],
    ("param_schedulers", _are_schedules, "a list of what schedulers save"),
    ("ema_state_dict", _are_weights, "a dict of tensors by name"),
    ("frozen", _is_dict, "a dict"),
    (f"{_HUB}.early_stopping", _is_early_stopping, "a dict of three values"),
    (f"{_HUB}.pending_validation", _is_count, "a whole number from 0"),
    (f"{_HUB}.iterations_of_the_epoch", _is_count, "a whole number from 0"),
    (f"{_HUB}.resumes", lambda value: isinstance(value, list), "a list"),
]
# Of one to resume, without which it is none.
_NEEDED: list[_Rule] = [
    ("state_dict", _are_weights, "a dict of tensors by name"),
    ("meta", _is_dict, "a dict"),
    ("meta.epoch", _is_count, "a whole number from 0"),
    ("meta.iter", _is_count, "a whole number from 0"),
    ("message_hub", _is_dict, "a dict"),
    ("message_hub.log_scalars", _is_dict, "a dict"),
    (_HUB, _has_names, "a dict"),
    ("message_hub.resumed_keys", _are_flags, "a dict of True and False"),
    ("optimizer", _is_optimizer, "what an optimiser saves, `state` and `param_groups`"),
]


def classes_of(path: Path | str, checkpoint: Mapping) -> tuple | None:
    """Return the names of the classes that a checkpoint was trained on, None if unsaid.

    Stock MMPretrain may have numbers for names, which become text.

    Raises:
        DamagedCheckpointError: If they are no list of names.
    """
    meta = (checkpoint.get("meta") or {}).get("dataset_meta") or {}
    classes = meta.get("classes")
    if classes is None:
        return None
    if not isinstance(classes, list | tuple | np.ndarray):
        raise _damaged(
            path,
            f"its `meta.dataset_meta.classes` is a {type(classes).__name__}, expected "
            "a list of names",
        )
    return tuple(map(str, classes)) or None


def check_contents(path: Path, checkpoint: object) -> None:
    """Make sure that a file holds a checkpoint, of whatever program.

    Raises:
        DamagedCheckpointError: If it holds something else; says what.
    """
    if not _has_names(checkpoint):
        found = type(checkpoint).__name__
        if isinstance(checkpoint, dict):
            found += " whose keys are no names"
        raise DamagedCheckpointError(
            f"{path} holds a {found}, expected a checkpoint: a dict of tensors by "
            "name, or one with a `state_dict`. It is damaged or of another kind; take "
            "another file."
        )
    if wrong := _wrong(checkpoint, _PARTS):
        raise _damaged(path, wrong)


def check_resumable(path: Path | str, checkpoint: Mapping) -> None:
    """Make sure that a run can go on from a checkpoint, which `check_contents` passed.

    Raises:
        NotResumableError: If it has the weights alone, as the best one does.
        DamagedCheckpointError: If it holds what no run saves; says what.
    """
    lacks = [where for where, *_ in _NEEDED if _at(checkpoint, where) is _MISSING]
    if lacks:
        raise NotResumableError(
            f"{path} cannot be resumed: it has no `{lacks[-1]}`, expected a checkpoint "
            "of an epoch, such as epoch_1.pth; best files hold the weights alone. To "
            "go on with the newest, give --resume without a name; to begin another "
            "run with these weights, leave out --resume and set load_from="
            f"{str(path)!r}."
        )
    if wrong := _wrong(checkpoint, [*_NEEDED, *_RESUMED_PARTS]):
        raise _damaged(path, wrong)


def _damaged(path: Path | str, wrong: str) -> DamagedCheckpointError:
    return DamagedCheckpointError(
        f"{path} is not a usable checkpoint: {wrong}. It is damaged, changed or of "
        "another kind; take an earlier one."
    )


def _wrong(checkpoint: Mapping, rules: list[_Rule]) -> str | None:
    """Return what is not as it has to be, None if nothing is."""
    for where, is_right, expected in rules:
        value = _at(checkpoint, where)
        if value is not _MISSING and not is_right(value):
            return f"its `{where}` is a {type(value).__name__}, expected {expected}"
    return None


def _at(checkpoint: Mapping, where: str) -> object:
    value = checkpoint
    for key in where.split("."):
        if not isinstance(value, dict) or key not in value:
            return _MISSING
        value = value[key]
    return value
