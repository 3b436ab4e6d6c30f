"""Whether weights from a file reach all of a backbone.

MMEngine loads what fits, and prints the rest to nobody: a file of another net, or a
wrong ``prefix``, leaves random weights without a word.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mmleaves.datasets.class_order import some_names
from mmleaves.freezing.parts import Part

_TRUNK = ("stem", "stage", "trunk")


@contextmanager
def must_reach_trunk(
    model: nn.Module, parts: Iterable[Part], source: str, *, within: str = ""
) -> Iterator[None]:
    """Refuse weights, read inside of this, that leave layers of a backbone without.

    What a file may lack: the classifier and what joins branches, LoRA, norms behind the
    last stage, and parameters of the backbone's own, such as prompts. The tensors are
    marked before, by NaN, since hooks of some nets rename or resize what they load.

    Args:
        model: A classifier, whose layers are filled inside of this.
        parts: Those of ``model``.
        source: Where the weights come from, such as ``load_from=...``, for the message.
        within: Name of the module to look at, if it is not all of the model.

    Raises:
        ValueError: If a layer got none.
    """
    roots = {name for name, _ in model.named_modules() if _is_root(name)}
    wanted = {
        name
        for part in parts
        if part.kind in _TRUNK
        for name in part.parameters
        if name.rpartition(".")[0] not in roots and ".lora_" not in name
    }
    tensors = {
        name: tensor
        for name, tensor in model.named_parameters()
        if name in wanted and f"{name}.".startswith(f"{within}." if within else "")
    }
    for tensor in tensors.values():
        tensor.data.fill_(torch.nan)
    yield
    left = [name for name, tensor in tensors.items() if tensor.isnan().all()]
    if left:
        raise ValueError(
            f"{source} has values for {len(tensors) - len(left)} of {len(tensors)} "
            f"weights of the backbone's layers, expected all; it has none for "
            f"{some_names(left, 3)}. It is of another net, or its names begin "
            "otherwise, which `prefix` of an init_cfg says. Give the file of this net, "
            "or leave it out to train from random weights."
        )


def _is_root(name: str) -> bool:
    return name in ("", "backbone") or (
        name.startswith("backbone.branches.") and name.count(".") == 2
    )


def pretrained_modules(model: nn.Module) -> dict[str, str]:
    """Return the modules that a file is to fill, by name, and which file."""
    found = {}
    for name, module in model.named_modules():
        given = getattr(module, "init_cfg", None)
        for init in given if isinstance(given, list) else [given]:
            if isinstance(init, dict) and init.get("type") == "Pretrained":
                found[name] = init["checkpoint"]
    return found
