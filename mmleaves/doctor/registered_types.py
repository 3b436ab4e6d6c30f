"""Whether all that a config names exists, and takes the arguments it is given."""

import difflib
from collections.abc import Iterator

from mmengine.config import Config

from mmleaves.config_options import keys_read_at
from mmleaves.doctor.finding import Finding
from mmleaves.doctor.old_keys import OLD, OLD_ARGUMENTS, OLD_STEPS
from mmleaves.registered import find_class, nearest_class

SECTIONS = (
    "model",
    "data_preprocessor",
    "train_dataloader",
    "val_dataloader",
    "test_dataloader",
    "val_evaluator",
    "test_evaluator",
    "optim_wrapper",
    "param_scheduler",
    "train_cfg",
    "val_cfg",
    "test_cfg",
    "default_hooks",
    "custom_hooks",
    "visualizer",
    "log_processor",
    "randomness",
    "auto_scale_lr",
)
# Whose dicts go through functions that take out keys of their own.
_BUILT_BY_OTHERS = ("_cfg", "init_cfg", "plugins", "override", "layer", "transforms")
_FOR_ALL = {"type", "_scope_", "_delete_", "init_cfg", "priority"}


def check_types(cfg: Config) -> Iterator[Finding]:
    """Yield each ``type`` that is not registered, and each argument nobody reads."""
    for section in SECTIONS:
        if (value := cfg.get(section)) is not None:
            yield from _check(value, section)
    yield from _check_top(cfg)
    scope = cfg.get("default_scope")
    if scope != "mmpretrain":
        yield Finding(
            "error",
            "scope",
            "default_scope",
            f"found {scope!r}, expected 'mmpretrain': in another scope its models and "
            "hooks are not found, or are silently MMEngine's.",
            'default_scope = "mmpretrain"',
        )


def _check(node: object, path: str) -> Iterator[Finding]:
    if isinstance(node, list | tuple):
        for i, item in enumerate(node):
            yield from _check(item, f"{path}.{i}")
    if not isinstance(node, dict):
        return
    kind = node.get("type")
    if isinstance(kind, str) and kind not in OLD_STEPS and find_class(kind) is None:
        near = nearest_class(kind)
        yield Finding(
            "error",
            "type",
            f"{path}.type",
            f"there is no {kind!r}."
            + (f" Did you mean {near!r}?" if near else "")
            + " A type of your own must be imported: custom_imports.",
            f'type="{near}"' if near else "custom_imports = dict(imports=[...])",
        )
        return
    yield from _check_arguments(node, path, kind)
    for key, value in node.items():
        yield from _check(value, f"{path}.{key}")


def _check_arguments(node: dict, path: str, kind: object) -> Iterator[Finding]:
    last = path.split(".")[-1]
    if (last.endswith(_BUILT_BY_OTHERS) and "." in path) or ".policies." in path:
        return
    readable = keys_read_at(path, kind)
    if readable is None or (path.count(".") == 0 and kind is None and last == "model"):
        return
    if path.startswith("param_scheduler"):
        readable = readable | {"convert_to_iter_based"}
    for key in node:
        if key in readable or key in _FOR_ALL or (kind, key) in OLD_ARGUMENTS:
            continue
        near = difflib.get_close_matches(key, readable, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {_few(readable)}."
        reader = f"{kind} takes" if kind else "nothing reads"
        text = f"{reader} no {key!r}. {hint}" if kind else f"{reader} {key!r}. {hint}"
        line = f"{near[0]}={node[key]!r}" if near else f"(leave out {key})"
        yield Finding("error", "argument", f"{path}.{key}", text, line)


def _check_top(cfg: Config) -> Iterator[Finding]:
    known = (keys_read_at("") or set()) - {"cfg", "self"}
    known |= {"custom_imports", "runner_type", "visualization", "trainable"}
    for key in cfg:
        if key in known or key in OLD:
            continue
        # Any name may be a variable; one letter away from a setting it hardly is.
        if near := difflib.get_close_matches(key, known, n=1, cutoff=0.88):
            yield Finding(
                "error",
                "argument",
                key,
                f"nothing reads {key!r}. Did you mean {near[0]!r}?",
                f"{near[0]} = ...",
            )


def _few(names: set[str]) -> str:
    shown = sorted(name for name in names if not name.startswith("_"))
    return ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
