"""Whether weights from a file reach all of a backbone.

MMEngine loads what fits, and prints the rest to nobody: a file of another net, or a
wrong ``prefix``, leaves random weights without a word.
"""

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from torch import nn

from mmleaves.datasets.class_order import some_names
from mmleaves.freezing.parts import Part
from mmleaves.freezing.proof import digests
from mmleaves.freezing.selection import is_norm

_TRUNK = ("stem", "stage", "trunk", "tail")
_STATISTICS = (".running_mean", ".running_var")
_TABLE = ".relative_position_bias_table"
# Parameters that MMPretrain's and timm's nets have themselves, but for registers, which
# are added to nets that were pretrained without.
_TOKEN_OR_POSITION = re.compile(
    r"(cls|dist)_token(_?\d+)?|(absolute_)?pos_embed(_?\d+|_win\w*)?|(patch|pixel)_pos"
)


@contextmanager
def must_reach_trunk(
    model: nn.Module, parts: Iterable[Part], source: str
) -> Iterator[None]:
    """Refuse weights, read inside of this, that leave layers of a backbone without.

    What a file may lack: the classifier and what joins branches, LoRA, a norm behind
    the last stage, and parameters of the backbone itself, such as prompts, but for the
    tokens of the class and of DeiT's distillation, and positions. A file without any
    table of relative positions may lack those too, which is said: what was pretrained
    without (CAE) is fine-tuned with them.

    Args:
        model: A classifier, whose layers are filled inside of this.
        parts: Those of ``model``.
        source: Where the weights come from, such as ``load_from=...``, for the message.

    Raises:
        ValueError: If a layer got none.
    """
    layers = TrunkTensors(model, parts, source)
    with layers.watched():
        yield
    layers.refuse_without()


class TrunkTensors:
    """The weights and BatchNorm statistics of a backbone that files are to fill.

    They are marked by NaN, since hooks of some nets rename or resize what they load.

    Args:
        model: The classifier.
        parts: Its parts.
        source: Where the weights come from, for messages.
        within: Name of the module that the files are for, all if empty.
        but: Names of what other files have filled.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: Iterable[Part],
        source: str,
        within: str = "",
        but: Collection[str] = (),
    ) -> None:
        self._source = source
        self._module = model.get_submodule(within)
        layers = _tensors_of_trunk(model, parts, within)
        self._tensors = {n: tensor for n, tensor in layers.items() if n not in but}
        self._initial = {
            name: tensor.detach().clone()
            for name, tensor in self._tensors.items()
            if name.endswith(_TABLE)
        }
        self._tables_of_file: list[str] = []
        self._filled: dict[str, str] = {}
        for tensor in self._tensors.values():
            tensor.data.fill_(torch.nan)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note which tables of relative positions are in the file that is read."""

        def note(module: nn.Module, state: dict[str, object], *_: object) -> None:
            self._tables_of_file += [name for name in state if name.endswith(_TABLE)]

        hook = self._module.register_load_state_dict_pre_hook(note)
        try:
            yield
        finally:
            hook.remove()

    def refuse_without(self) -> None:
        """Raise a ValueError if a layer has got no values from any file."""
        left = [name for name, tensor in self._tensors.items() if tensor.isnan().all()]
        if all(name in self._initial for name in left) and not self._tables_of_file:
            self._begin_tables_anew(left)
        elif left:
            filled = len(self._tensors) - len(left)
            raise ValueError(
                f"{self._source} has values for {filled} of {len(self._tensors)} "
                "weights and BatchNorm statistics of the backbone, expected all; it "
                "has none for "
                f"{some_names(left, 3)}. {self._advice(left)}"
            )

    def _begin_tables_anew(self, names: list[str]) -> None:
        for name in names:
            self._tensors[name].data.copy_(self._initial[name])
        if names:
            print_log(
                f"{self._source} has no table of relative positions. So "
                f"{some_names(names, 3)} begin as without a file.",
                "current",
                logging.WARNING,
            )

    def _advice(self, left: list[str]) -> str:
        ours = [name.removeprefix("backbone.") for name in self._initial]
        is_shared = not any(t.endswith(o) for t in self._tables_of_file for o in ours)
        if is_shared and all(name in self._initial for name in left):
            return (
                f"It has {some_names(self._tables_of_file, 1)}. If that is one table "
                "for all layers, as BEiT's pretraining has it, name the file in the "
                'init_cfg of the backbone, with prefix="backbone.", which deals it out.'
            )
        return (
            "It is of another net, or its names begin otherwise, which `prefix` of an "
            "init_cfg says. Give the file of this net, or leave it out to train from "
            "random weights."
        )

    def note_filled(self) -> None:
        """Note what the values are, for `refuse_drawn_over`."""
        self._filled = digests(self._tensors)

    def names(self) -> set[str]:
        """Return the names of what files fill."""
        return set(self._tensors)

    def refuse_drawn_over(self) -> None:
        """Raise a ValueError if weights are others than the files' by now."""
        now = digests(self._tensors)
        lost = [name for name, digest in self._filled.items() if now[name] != digest]
        if lost:
            kind = type(self._module).__name__
            raise ValueError(
                f"{self._source} is drawn over: {len(lost)} of {len(now)} tensors are "
                f"others than the file's, such as {some_names(lost, 3)}. Write "
                'init_cfg as one dict(type="Pretrained", ...), no list, the type as '
                f"text and without a scope: otherwise MMEngine or {kind} draws values "
                "after the file is read. Or give the file to load_from."
            )


def _tensors_of_trunk(
    model: nn.Module, parts: Iterable[Part], within: str
) -> dict[str, torch.Tensor]:
    """Return the tensors of the backbone that a file must have, by name."""
    wanted = {
        name
        for part in parts
        if part.kind in _TRUNK
        for name in (*part.parameters, *part.buffers)
        if not _may_lack(model, name, part)
    }
    statistics = {
        name: buffer
        for name, buffer in model.named_buffers()
        if name.endswith(_STATISTICS)
    }
    return {
        name: tensor
        for name, tensor in {**dict(model.named_parameters()), **statistics}.items()
        if name in wanted and is_within(name, within)
    }


def _may_lack(model: nn.Module, name: str, part: Part) -> bool:
    """Return whether a file may go without a tensor, as it is new in this model."""
    if ".lora_" in name:
        return True
    module, _, own = name.rpartition(".")
    if _is_net(module):
        # Such as prompts, in a backbone of the user's own.
        return not _TOKEN_OR_POSITION.fullmatch(own)
    # Nets that were pretrained for features, or for detection, have no last norm.
    holder = module.rpartition(".")[0]
    if holder == "model.head" or holder.endswith(".timm_model.head"):
        holder = holder.removesuffix(".head")  # timm's ConvNeXt has it in there
    is_last = part.kind == "tail" and _is_net(holder)
    return is_last and is_norm(model.get_submodule(module))


def is_within(name: str, module: str) -> bool:
    """Return whether a name is a module's own, or of what it holds."""
    return module in ("", name) or name.startswith(f"{module}.")


def _is_net(name: str) -> bool:
    name = name.removesuffix(".timm_model")
    return name in ("", "backbone", "model") or (
        name.startswith("backbone.branches.") and name.count(".") == 2
    )
