"""What errors of MMEngine, MMCV and PyTorch mean that a config causes."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path

# A clone of this repository has the package's name too, and all else in its .venv.
_OURS = Path(__file__).parents[1]
_LONGEST = 300
_BUILDERS = ("build_from_cfg", "build_runner_from_cfg", "build_model_from_cfg")
_DOCTOR = "`mmleaves doctor CONFIG` says where it stands."


def explained(error: BaseException) -> str | None:
    """Return an error's meaning and what to do, None if it is not a user's.

    What is raised while MMEngine builds what the config names is a user's, unless it
    comes out of this package.

    Args:
        error: As it was caught, with its traceback.
    """
    text = " ".join(str(error).split())
    for kinds, pattern, meaning in _MEANINGS:
        if isinstance(error, kinds) and (found := re.search(pattern, text)):
            return meaning(found)
    frames = traceback.extract_tb(error.__traceback__)
    built = any(frame.name in _BUILDERS for frame in frames)
    ours = frames and _OURS in Path(frames[-1].filename).parents
    if built and not ours and isinstance(error, TypeError | KeyError | AssertionError):
        return (
            f"What the config asks for cannot be built: {type(error).__name__}: "
            f"{text}. {_DOCTOR}"
        )
    return None


def _unregistered(found: re.Match) -> str:
    # Deferred: the stack is there already where this is raised.
    from mmleaves.registered import nearest_class

    near = nearest_class(found[1])
    hint = f"Did you mean {near!r}? " if near else ""
    return (
        f"There is no {found[1]!r} among the registered parts of kind {found[2]!r}. "
        f"{hint}Correct its `type`; one of your own must be in custom_imports. "
        f"{_DOCTOR}"
    )


def _argument(found: re.Match) -> str:
    return (
        f"{found[1]} takes no {found[2]!r}, which the config gives it. Correct it "
        f"or leave it out. {_DOCTOR}"
    )


def _lacking(found: re.Match) -> str:
    return f"{found[1]} lacks {found[2]}. Add it to its dict in the config. {_DOCTOR}"


def _memory(found: re.Match) -> str:
    return (
        "The memory is full. Halve train_dataloader.batch_size and set "
        "optim_wrapper.accumulative_counts=2, take smaller images, or freeze more "
        "(`trainable`)."
    )


def _shapes(found: re.Match) -> str:
    return (
        f"Two layers do not fit: {found[0]}. Most often model.head.in_channels is not "
        f"what the backbone gives. {_DOCTOR}"
    )


def _config(found: re.Match) -> str:
    # MMEngine quotes the whole file in some.
    return f"The config cannot be read: {_cut(found[0])}."


def _cut(text: str) -> str:
    where = " ".join(re.findall(r"\S+\.py\b|\bline \d+", text[_LONGEST:])[-2:])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... {where}".rstrip()


def _inherited(found: re.Match) -> str:
    return (
        f"The config sets {found[1]} to a dict, and a base to something else. Give the "
        "dict _delete_=True, so that it replaces what the base says."
    )


def _no_key(found: re.Match) -> str:
    return f"The config has no {found[1]!r}, which is needed here. {_DOCTOR}"


def _modules(found: re.Match) -> str:
    return (
        f"{found[0]}: the config's custom_imports name a module that is not there, or "
        "that fails. Install it, start from its folder, or correct the name."
    )


_MEANINGS: list[tuple[tuple, str, Callable[[re.Match], str]]] = [
    ((KeyError,), r"([\w./]+) is not in the (?:\w+::)?(\S+) registry", _unregistered),
    (
        (TypeError,),
        r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        _argument,
    ),
    (
        (TypeError,),
        r"(\w+)\.__init__\(\) missing \d+ required (?:positional|keyword-only) "
        r"arguments?: (.+)",
        _lacking,
    ),
    ((RuntimeError,), r"out of memory|can't allocate memory", _memory),
    ((RuntimeError,), r"mat1 and mat2 shapes cannot be multiplied.*", _shapes),
    ((SyntaxError,), r".+", _config),
    ((TypeError,), r"^(\w+)=.* in child config cannot inherit from base", _inherited),
    ((KeyError,), r"Duplicate key is not allowed among bases.*?\}", _config),
    ((RuntimeError,), r"_base_ .*|Failed to load config.*", _config),
    ((AttributeError,), r"'Config(?:Dict)?' object has no attribute '(\w+)'", _no_key),
    (
        (ImportError,),
        r"Failed to import custom modules from .*?(?= due to|$)",
        _modules,
    ),
]
