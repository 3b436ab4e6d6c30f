"""Whether weights from a file reach all of a backbone.

MMEngine loads what fits, and prints the rest to nobody: a file of another net, or a
wrong ``prefix``, leaves random weights without a word.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from mmengine.model.weight_init import PretrainedInit
from torch import nn

from mmleaves.datasets.class_order import some_names
from mmleaves.freezing.parts import Part
from mmleaves.freezing.proof import digests

_TRUNK = ("stem", "stage", "trunk")
_TABLE = ".relative_position_bias_table"


@contextmanager
def must_reach_trunk(
    model: nn.Module, parts: Iterable[Part], source: str
) -> Iterator[None]:
    """Refuse weights, read inside of this, that leave layers of a backbone without.

    What a file may lack: the classifier and what joins branches, LoRA, norms behind the
    last stage, and parameters of the backbone's own, such as prompts. A file without
    any table of relative positions may lack those too, which is said: what was
    pretrained without (CAE) is fine-tuned with them.

    Args:
        model: A classifier, whose layers are filled inside of this.
        parts: Those of ``model``.
        source: Where the weights come from, such as ``load_from=...``, for the message.

    Raises:
        ValueError: If a layer got none.
    """
    layers = _Layers(model, parts, source)
    with layers.watched():
        yield
    layers.refuse_without()


class _Layers:
    """The weights of a backbone's layers that files are to fill.

    They are marked by NaN, since hooks of some nets rename or resize what they load.

    Args:
        model: The classifier.
        parts: Its parts.
        source: Where the weights come from, for messages.
        within: Name of the module that the files are for, all if empty.
        but: Names of weights that other files have filled.
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
        layers = _layers_of_trunk(model, parts, within)
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
                f"weights of the backbone's layers, expected all; it has none for "
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
        """Return the names of the weights."""
        return set(self._tensors)

    def refuse_drawn_over(self) -> None:
        """Raise a ValueError if weights are others than the files' by now."""
        now = digests(self._tensors)
        lost = [name for name, digest in self._filled.items() if now[name] != digest]
        if lost:
            kind = type(self._module).__name__
            raise ValueError(
                f"{self._source} is drawn over: {len(lost)} of {len(now)} weights are "
                f"others than the file's, such as {some_names(lost, 3)}. Write "
                'init_cfg as one dict(type="Pretrained", ...), no list, the type as '
                f"text and without a scope: otherwise MMEngine or {kind} draws values "
                "after the file is read. Or give the file to load_from."
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
    """Refuse what the files of an ``init_cfg`` leave without, inside of this.

    MMEngine calls the `init_weights` of a module's children first, and reads its files
    last. Only the reading is watched, or random values would count as a file's; but
    what is drawn afterwards is refused as well.

    Args:
        model: A classifier, whose `init_weights` is called inside of this.
        parts: Those of ``model``.

    Raises:
        ValueError: If a layer got none or lost it again, or a file is not read at all.
    """
    files = _files(model)
    names = {id(module): name for name, module in model.named_modules()}
    unread = {name: [init["checkpoint"] for init in files[name]] for name in files}
    sources = {name: _source(name, given) for name, given in unread.items()}
    layers: dict[str, _Layers] = {}
    complete: list[_Layers] = []
    read = PretrainedInit.__call__

    def read_and_check(init: PretrainedInit, module: nn.Module) -> None:
        name = names.get(id(module))
        if name not in files:
            read(init, module)
            return
        if name not in layers:
            # Not what a file of a part has filled: this one may be for another part.
            filled = set().union(*(other.names() for other in complete))
            layers[name] = _Layers(model, parts, sources[name], name, filled)
        with layers[name].watched():
            read(init, module)
        if init.checkpoint in unread[name]:
            unread[name].remove(init.checkpoint)
        if not unread[name]:
            layers[name].refuse_without()
            complete.append(layers[name])
        for each in complete:
            each.note_filled()

    PretrainedInit.__call__ = read_and_check
    try:
        yield
    finally:
        PretrainedInit.__call__ = read
    for name, left in unread.items():
        if left:
            kind = type(model.get_submodule(name)).__name__
            raise ValueError(
                f"{_source(name, left)} was not read: the init_weights of {kind} reads "
                "no file. Give it to load_from."
            )
    for name, filled in layers.items():
        # With an `override`, the config itself asks for other values.
        if not any("override" in init for init in files[name]):
            filled.refuse_drawn_over()


def _source(name: str, files: list[str]) -> str:
    return f"{name or 'model'}.init_cfg, {' and '.join(files)},"


def _files(model: nn.Module) -> dict[str, list[dict]]:
    """Return the modules that files are to fill, by name, and the settings of each.

    Not those to which an outer module hands its file on, as CSPNet does to its stages:
    it reads it last, for all. Nor those that are initialised already, which read none.
    """
    found: dict[str, list[dict]] = {}
    for name, module in model.named_modules():
        given = getattr(module, "init_cfg", None)
        files = [
            init
            for init in (given if isinstance(given, list) else [given])
            if isinstance(init, dict) and _reads_file(init.get("type"))
        ]
        handed_on = any(
            _is_within(name, outer) and files == found[outer] for outer in found
        )
        if files and not handed_on and not getattr(module, "is_init", False):
            found[name] = files
    return found


def _reads_file(kind: object) -> bool:
    if isinstance(kind, str):
        return kind.rpartition(".")[2] == "Pretrained"
    return kind is PretrainedInit
