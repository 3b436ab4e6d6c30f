"""Settings over a config from the command line, with misspelt keys found."""

import argparse
import difflib
import inspect
from collections.abc import Sequence

from mmengine.config import Config, DictAction
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmleaves import registry as registries
from mmleaves.registry import upstream

# Where a dict has no `type`, what reads it says which keys there are.
_READERS = {
    "": Runner.__init__,
    "randomness": Runner.set_randomness,
    **{f"{part}_dataloader": DataLoader for part in ("train", "val", "test")},
}
_ALSO = {
    # Read by this package or by MMEngine from the whole config.
    "": {
        "dataset",
        "trainable",
        "channels_last",
        "find_unused_parameters",
        "sync_bn",
        "compile",
        "tta_model",
        "tta_pipeline",
        "model_wrapper_cfg",
    },
    **{f"{part}_dataloader": {"dataset"} for part in ("train", "val", "test")},
    "auto_scale_lr": {"enable", "base_batch_size"},
    "env_cfg": {"cudnn_benchmark", "mp_cfg", "dist_cfg", "resource_limit"},
    "val_cfg": {"fp16"},
    "test_cfg": {"fp16"},
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
    for option in options:
        if "=" not in option:
            raise ValueError(
                f"--cfg-options takes KEY=VALUE, and {option!r} has no '='; such as "
                "optim_wrapper.optimizer.lr=0.01."
            )
        if "dict(" in option:
            raise ValueError(
                f"--cfg-options {option}: a dict is not written as a value but by its "
                "keys, such as default_hooks.early_stopping.type=EarlyStoppingHook."
            )
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    try:
        settings = parser.parse_args(["--cfg-options", *options]).cfg_options
    except (RecursionError, AssertionError) as error:  # how MMEngine refuses them
        raise ValueError(
            f"--cfg-options {' '.join(options)}: a value has brackets that MMEngine "
            "cannot read. A list is written '[1,2]' and a tuple '(1,2)', in quotes."
        ) from error
    for key in settings:
        _check_key(cfg, key)
    cfg.merge_from_dict(settings)


def _check_key(cfg: Config, key: str) -> None:
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
            readable = _readable_keys(node, path)
            if readable is not None and part not in readable:
                near = difflib.get_close_matches(part, readable, n=1, cutoff=0)
                nearest = ".".join(filter(None, [path, near[0]])) if near else "none"
                raise ValueError(
                    f"--cfg-options {key}: nothing reads {part!r}"
                    f"{f' in {path}' if path else ''}. Nearest: {nearest}."
                )
            return  # new there, so nothing below it stands in the config either
        else:
            return  # a value that this option replaces by a dict
        path = f"{path}.{part}" if path else part


def _readable_keys(node: dict, path: str) -> set[str] | None:
    """Return the keys that ``node`` may have, or None where any key may be."""
    keys = set(node) | _ALSO.get(path, set())
    if reader := _READERS.get(path):
        return keys | _arguments(reader)
    if isinstance(node.get("type"), str) and (cls := _find_class(node["type"])):
        arguments = _class_arguments(cls)
        return None if arguments is None else keys | arguments
    return keys if path in _ALSO else None


def _find_class(name: str) -> type | None:
    ours = [r for r in vars(registries).values() if isinstance(r, Registry)]
    theirs = [r for r in vars(upstream).values() if isinstance(r, Registry)]
    for registry in (*ours, *theirs):
        if cls := registry.get(name):
            return cls
    return None


def _class_arguments(cls: type) -> set[str] | None:
    """Return the names of all arguments a class takes, its bases' where it hands on."""
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
