"""Settings over a config from the command line, with misspelt keys found."""

import ast
import copy
import difflib
import inspect
import re
from collections.abc import Sequence

from mmengine.config import Config, DictAction
from mmengine.optim import OptimWrapper
from mmengine.runner import (
    EpochBasedTrainLoop,
    LogProcessor,
    Runner,
    TestLoop,
    ValLoop,
)
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from mmleaves.cache.feature_cache_settings import FeatureCacheSettings
from mmleaves.cache.image_cache_settings import ImageCacheSettings
from mmleaves.config import fill_datasets
from mmleaves.optim.fine_tune_constructor import PARAMWISE_KEYS
from mmleaves.registered import find_class, nearest_class

# Where a dict has no `type`, what reads it says which keys it may have.
_READERS = {
    "": Runner.__init__,
    "randomness": Runner.set_randomness,
    "env_cfg.mp_cfg": set_multi_processing,
    "optim_wrapper": OptimWrapper,
    "train_cfg": EpochBasedTrainLoop,
    "val_cfg": ValLoop,
    "test_cfg": TestLoop,
    "log_processor": LogProcessor,
    "feature_cache": FeatureCacheSettings,
    "image_cache": ImageCacheSettings,
    **{f"{part}_dataloader": DataLoader for part in ("train", "val", "test")},
}
_DEFAULT_TYPES = {"data_preprocessor": "ClsDataPreprocessor"}
_ALSO = {
    # Read from the whole config, by this package or by MMEngine.
    "": {
        "dataset",
        "feature_cache",
        "image_cache",
        "precision",
        "reference_classes",
        "trainable",
        "channels_last",
        "find_unused_parameters",
        "sync_bn",
        "compile",
        "model_wrapper_cfg",
    },
    **{f"{part}_dataloader": {"dataset"} for part in ("train", "val", "test")},
    "train_cfg": {"by_epoch", "max_iters"},
    "auto_scale_lr": {"enable", "base_batch_size"},
    "env_cfg": {"cudnn_benchmark", "mp_cfg", "dist_cfg", "resource_limit"},
    "optim_wrapper": {"constructor", "paramwise_cfg"},
    "optim_wrapper.paramwise_cfg": set(PARAMWISE_KEYS),
    "model.train_cfg": {"augments", "probs"},
}


def merge_options(cfg: Config, options: Sequence[str]) -> None:
    """Merge ``KEY=VALUE`` settings into ``cfg``.

    Args:
        cfg: The config; changed.
        options: Such as ``model.backbone.frozen_stages=2``. A key must stand in the
            config, or be an argument of the class it is given to.

    Raises:
        ValueError: If an option has no ``=``, or nothing reads its key; names the
            nearest key that is read.
    """
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    texts = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals:
            raise ValueError(
                f"--cfg-options takes KEY=VALUE, and {option!r} has no '='; such as "
                "optim_wrapper.optimizer.lr=0.01."
            )
        texts[key] = text
    policy = {key: texts.pop(key) for key in list(texts) if _is_policy(key)}
    if policy:
        # Replaced whole: a policy by branch takes the place of one for all, and back.
        cfg.trainable = _read_policy(policy, cfg.get("trainable"))
    settings = {}
    for key, text in texts.items():
        current = _check_key(filled, key, texts)
        settings[key] = _read_value(key, text, current)
        _make_room(cfg, key)
    cfg.merge_from_dict(settings)


def _make_room(cfg: Config, key: str) -> None:
    """Take out the value that a dict of ``key`` replaces: MMEngine refuses to."""
    node = cfg._cfg_dict
    for part in key.split(".")[:-1]:
        if not isinstance(node, dict) or part not in node:
            return  # new there, or an item of a list
        if not isinstance(node[part], dict | list | tuple):
            node[part] = {}
        node = node[part]


def _read_value(key: str, text: str, current: object) -> object:
    """Return a setting's value: what stands there now says how it is meant.

    MMEngine's own reading takes the spaces out of paths and makes numbers of folders
    that are called like one.
    """
    if key.split(".")[-1] == "type" and text != "None" and find_class(text) is None:
        near = nearest_class(text)
        hint = f" Nearest: {near}." if near else ""
        raise ValueError(f"--cfg-options {key}: there is no {text!r}.{hint}")
    if (quoted := re.fullmatch(r"""(['"])(.*,.*)\1""", text)) and quoted[
        1
    ] not in quoted[2]:
        return quoted[2]  # such as a path with a comma, which is no list
    if isinstance(current, str) and text != "None":
        return text
    if "dict(" in text:
        raise ValueError(
            f"--cfg-options {key}={text}: a dict is not written as a value but by its "
            "keys, such as default_hooks.logger.type=LoggerHook."
        )
    value = _parse(key, text)
    numeric = isinstance(current, int | float) and not isinstance(current, bool)
    if (numeric and not isinstance(value, int | float | None)) or (
        isinstance(current, dict) and not isinstance(value, dict | None)
    ):
        expected = "a number" if numeric else "settings of its keys"
        raise ValueError(f"--cfg-options {key}: found {text!r}, expected {expected}.")
    return value


def _is_policy(key: str) -> bool:
    return key.partition(".")[0] == "trainable"


def _read_policy(texts: dict[str, str], current: object) -> object:
    """Return the policy of ``trainable=POLICY`` or ``trainable.BRANCH=POLICY``."""
    policies = {
        key: _parse(key, text) if text.startswith("[") else text
        for key, text in texts.items()
    }
    if "trainable" in policies:
        if len(policies) > 1:
            raise ValueError(
                "--cfg-options gives trainable for the whole model and by branch. Give "
                f"one of the two: found {', '.join(policies)}."
            )
        return policies["trainable"]
    branches = {key.partition(".")[2]: policy for key, policy in policies.items()}
    return {**(current if isinstance(current, dict) else {}), **branches}


def _parse(key: str, text: str) -> object:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if isinstance(value, tuple) and not text.startswith("("):
        return list(value)
    if isinstance(value, str) and ("," in text or text[:1] in ("[", "(")):
        try:
            return DictAction._parse_iterable(text)  # names without quotes, as [a,b]
        except (RecursionError, AssertionError) as error:  # how it refuses them
            raise ValueError(
                f"--cfg-options {key}={text}: its brackets cannot be read. A list is "
                "written '[1,2]' and a tuple '(1,2)', in quotes."
            ) from error
    return value


def _check_key(cfg: Config, key: str, settings: dict) -> object:
    """Return what stands at ``key`` now, None if nothing; refuse a key nobody reads."""
    node, path = cfg._cfg_dict, ""
    for part in key.split("."):
        if isinstance(node, list | tuple):
            if not (part.isdigit() and int(part) < len(node)):
                raise ValueError(
                    f"--cfg-options {key}: {path} is a list of {len(node)} items, so "
                    f"{part!r} should be a number from 0 to {len(node) - 1}."
                )
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, dict):
            # A type that is set by another option comes with arguments of its own.
            kind = settings.get(f"{path}.type", node.get("type"))
            readable = _readable_keys(node, path, kind or _DEFAULT_TYPES.get(path))
            if path == "default_hooks" and f"{path}.{part}.type" not in settings:
                readable = set(node)  # a new hook needs its type
            if readable is not None and part not in readable:
                where = f" in {path}" if path else ""
                near = difflib.get_close_matches(part, readable, n=1)
                if near:
                    hint = f"Nearest: {'.'.join(filter(None, [path, *near]))}."
                else:
                    hint = f"There are: {', '.join(sorted(readable))}."
                raise ValueError(
                    f"--cfg-options {key}: nothing reads {part!r}{where}. {hint}"
                )
            below = f"{path}.{part}"
            if below not in _ALSO and below not in _READERS:
                return None  # new there, and so is all below it
            node = {}
        else:
            return None  # a value that this option replaces by a dict
        path = f"{path}.{part}" if path else part
    return node


def _readable_keys(node: dict, path: str, kind: str | None) -> set[str] | None:
    """Return the keys that ``node`` may have, or None where any key may be."""
    readable = keys_read_at(path, kind)
    return None if readable is None else set(node) | readable


def keys_read_at(path: str, kind: object = None) -> set[str] | None:
    """Return the keys that are read of the dict at ``path``, None if unknown.

    Args:
        path: Such as ``"train_dataloader"``; ``""`` for the whole config.
        kind: Its ``type``, if it has one.
    """
    cls = find_class(kind) if isinstance(kind, str) else None
    of_class = _class_arguments(cls) if cls else set()
    if reader := _READERS.get(path):
        return _ALSO.get(path, set()) | _arguments(reader) | (of_class or set())
    if cls:
        return None if of_class is None else _ALSO.get(path, set()) | of_class
    return _ALSO.get(path)


def _class_arguments(cls: type) -> set[str] | None:
    """Return the names of all arguments a class takes, its bases' where it hands on."""
    if not isinstance(cls, type):
        return None  # a function, which is handed on with its arguments
    names: set[str] = set()
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is None:
            continue
        if base is object:
            return None
        parameters = inspect.signature(init).parameters.values()
        names |= _arguments(init)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
    return None


def _arguments(function: object) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name for p in parameters if p.kind in by_name} - {"self"}
