"""Whether weights from a file reach all of a backbone.

MMEngine loads what fits, and prints the rest to nobody: a file of another net, or a
wrong ``prefix``, leaves random weights without a word.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from mmengine.model.weight_init import PretrainedInit
from torch import nn

from mmleaves.datasets.class_order import some_names
from mmleaves.freezing.parts import Part

_TRUNK = ("stem", "stage", "trunk")
_TABLE = ".relative_position_bias_table"


@contextmanager
def must_reach_trunk(
    model: nn.Module, parts: Iterable[Part], source: str, *, within: str = ""
) -> Iterator[None]:
    """Refuse weights, read inside of this, that leave layers of a backbone without.

    What a file may lack: the classifier and what joins branches, LoRA, norms behind the
    last stage, and parameters of the backbone's own, such as prompts. Tables of
    relative positions may lack too, which is said: what was pretrained without (CAE)
    is fine-tuned with them. The tensors are marked before, by NaN, since hooks of some
    nets rename or resize what they load.

    Args:
        model: A classifier, whose layers are filled inside of this.
        parts: Those of ``model``.
        source: Where the weights come from, such as ``load_from=...``, for the message.
        within: Name of the module to look at, if it is not all of the model.

    Raises:
        ValueError: If a layer got none.
    """
    tensors = _layers_of_trunk(model, parts, within)
    tables = [name for name in tensors if name.endswith(_TABLE)]
    initial = {name: tensors[name].detach().clone() for name in tables}
    for tensor in tensors.values():
        tensor.data.fill_(torch.nan)
    yield
    left = [name for name, tensor in tensors.items() if tensor.isnan().all()]
    for name in initial.keys() & left:
        tensors[name].data.copy_(initial[name])
    if set(left) - initial.keys():
        raise ValueError(
            f"{source} has values for {len(tensors) - len(left)} of {len(tensors)} "
            f"weights of the backbone's layers, expected all; it has none for "
            f"{some_names(left, 3)}. It is of another net, or its names begin "
            "otherwise, which `prefix` of an init_cfg says. Give the file of this net, "
            "or leave it out to train from random weights."
        )
    if left:
        print_log(
            f"{source} has no values for {some_names(left, 3)}, which stay as they are "
            "without a file. If it has one for all layers, as BEiT's pretraining does, "
            'name it in the backbone\'s init_cfg, with prefix="backbone.".',
            "current",
            logging.WARNING,
        )


def _layers_of_trunk(
    model: nn.Module, parts: Iterable[Part], within: str
) -> dict[str, nn.Parameter]:
    roots = {name for name, _ in model.named_modules() if _is_root(name)}
    wanted = {
        name
        for part in parts
        if part.kind in _TRUNK
        for name in part.parameters
        if name.rpartition(".")[0] not in roots and ".lora_" not in name
    }
    return {
        name: tensor
        for name, tensor in model.named_parameters()
        if name in wanted and _is_within(name, within)
    }


def _is_within(name: str, module: str) -> bool:
    return module in ("", name) or name.startswith(f"{module}.")


def _is_root(name: str) -> bool:
    return name in ("", "backbone") or (
        name.startswith("backbone.branches.") and name.count(".") == 2
    )


@contextmanager
def files_must_reach_trunk(model: nn.Module, parts: Iterable[Part]) -> Iterator[None]:
    """Refuse what the file of an ``init_cfg`` leaves without, inside of this.

    MMEngine calls the `init_weights` of a module's children first, and reads its file
    last. Only the reading is watched, or random values would count as the file's.

    Args:
        model: A classifier, whose `init_weights` is called inside of this.
        parts: Those of ``model``.

    Raises:
        ValueError: If a layer got none, or a file is not read at all.
    """
    files = _files(model)
    unread = dict(files)
    read = PretrainedInit.__call__

    def read_and_check(init: PretrainedInit, module: nn.Module) -> None:
        name = next(name for name, found in model.named_modules() if found is module)
        unread.pop(name, None)
        if any(outer != name and _is_within(name, outer) for outer in files):
            # Handed on to its stages by CSPNet, which reads the file last, for all.
            read(init, module)
            return
        source = _source(name, init.checkpoint)
        with must_reach_trunk(model, parts, source, within=name):
            read(init, module)

    PretrainedInit.__call__ = read_and_check
    try:
        yield
    finally:
        PretrainedInit.__call__ = read
    for name, file in unread.items():
        kind = type(model.get_submodule(name)).__name__
        raise ValueError(
            f"{_source(name, file)} was not read: the init_weights of {kind} reads no "
            "file. Give it to load_from."
        )


def _source(name: str, file: str) -> str:
    return f"{name or 'model'}.init_cfg, {file},"


def _files(model: nn.Module) -> dict[str, str]:
    """Return the modules that a file is to fill, by name, and which file."""
    found = {}
    for name, module in model.named_modules():
        given = getattr(module, "init_cfg", None)
        for init in given if isinstance(given, list) else [given]:
            if isinstance(init, dict) and init.get("type") == "Pretrained":
                found[name] = init["checkpoint"]
    return found
