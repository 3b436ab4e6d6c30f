"""Whether the files of an ``init_cfg`` reach all of a backbone."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mmengine.model.weight_init import PretrainedInit
from torch import nn

from mmleaves.checkpoints.reach import TrunkTensors, is_within
from mmleaves.freezing.parts import Part


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
    layers: dict[str, TrunkTensors] = {}
    complete: list[TrunkTensors] = []
    read = PretrainedInit.__call__

    def read_and_check(init: PretrainedInit, module: nn.Module) -> None:
        name = names.get(id(module))
        if name not in files:
            read(init, module)
            return
        if name not in layers:
            # Not what a file of a part has filled: this one may be for another part.
            filled = set().union(*(other.names() for other in complete))
            layers[name] = TrunkTensors(model, parts, sources[name], name, filled)
        with layers[name].watched():
            read(init, module)
        if init.checkpoint in unread[name]:
            unread[name].remove(init.checkpoint)
        if not unread[name]:
            layers[name].refuse_without()
            # A net may read its file twice.
            if layers[name] not in complete:
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
            is_within(name, outer) and files == found[outer] for outer in found
        )
        if files and not handed_on and not getattr(module, "is_init", False):
            found[name] = files
    return found


def _reads_file(kind: object) -> bool:
    if isinstance(kind, str):
        return kind.rpartition(".")[2] == "Pretrained"
    return kind is PretrainedInit
