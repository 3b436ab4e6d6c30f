"""Where, in the course of a forward pass, what is frozen ends."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mmleaves.cache.chains import Chains


class BorderReached(Exception):  # noqa: N818 - no error: the rest is not needed
    """Ends a forward pass where what is frozen ends."""


@dataclass(frozen=True)
class Call:
    """A frozen module that is called before anything that is trained.

    Args:
        module: The module.
        output: Of the make and shape of what it gave, of one image; zeros.
    """

    module: nn.Module
    output: object


@dataclass(frozen=True)
class Course:
    """A forward pass up to the border.

    Args:
        calls: Of the outermost frozen modules, in order; the last is at the border.
        norms: As of `Chains`.
        activations: As of `Chains`.
    """

    calls: list[Call]
    norms: dict[nn.Module, nn.Module]
    activations: dict[nn.Module, nn.Module]


def follow(
    run: Callable[[], object], modules: Mapping[str, nn.Module], frozen: Collection[str]
) -> Course:
    """Run a model up to the first module that is trained, and return what happened.

    Args:
        run: The forward pass.
        modules: All modules of the model, by name.
        frozen: Names of those that behave as in evaluation, and of which nothing is
            trained: no parameter of theirs has a gradient.
    """
    calls: list[Call] = []
    chains = Chains()
    inside: list[nn.Module] = []

    def enter(module: nn.Module, inputs: object) -> None:
        inside.append(module)

    def keep(module: nn.Module, inputs: object, output: object) -> None:
        inside.pop()
        if any(tensor.requires_grad for tensor in tensors_in(output)):
            # What it was given is trained, such as a parameter of the net's own.
            raise BorderReached
        if not inside:  # else within another: modules may be shared
            calls.append(Call(module, blank(output)))

    def stop(module: nn.Module, inputs: object) -> None:
        raise BorderReached

    handles = []
    for name, module in modules.items():
        if name in frozen and chains.may_be_part(module):
            handles.append(module.register_forward_pre_hook(chains.before))
            handles.append(module.register_forward_hook(chains.after))
    for name in _outermost(modules, frozen):
        handles.append(modules[name].register_forward_pre_hook(enter))
        handles.append(modules[name].register_forward_hook(keep))
    for name in _outermost(modules, _without(modules, frozen)):
        handles.append(modules[name].register_forward_pre_hook(stop))
    try:
        with torch.enable_grad():
            run()
    except BorderReached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return Course(calls, chains.norms, chains.activations)


def _outermost(modules: Mapping[str, nn.Module], names: Collection[str]) -> list[str]:
    return [
        name
        for name in modules
        if name in names and not any(parent in names for parent in parents(name))
    ]


def _without(modules: Mapping[str, nn.Module], frozen: Collection[str]) -> set[str]:
    """Return the modules that neither are frozen nor hold a frozen one."""
    holders = {parent for name in frozen for parent in parents(name)} | {""}
    return {
        name
        for name in modules
        if name not in frozen
        and name not in holders
        and name.partition(".")[0] != "data_preprocessor"
    }


def parents(name: str) -> Iterator[str]:
    """Yield the names of the modules that hold the one of that name, but the model."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def tensors_in(output: object) -> list[Tensor]:
    """Return the tensors of a module's output, whatever it packs them into."""
    return [leaf for leaf in pytree.tree_leaves(output) if torch.is_tensor(leaf)]


def with_tensors(output: object, tensors: list[Tensor]) -> object:
    """Return an output of the same make with other tensors in it."""
    leaves, structure = pytree.tree_flatten(output)
    others = iter(tensors)
    leaves = [next(others) if torch.is_tensor(leaf) else leaf for leaf in leaves]
    return pytree.tree_unflatten(leaves, structure)


def blank(output: object) -> object:
    """Return an output as of one image, with zeros in each tensor, in no memory."""
    rows = [
        tensor.new_zeros(()).expand(1, *tensor.shape[1:])
        if tensor.ndim
        else tensor.detach()
        for tensor in tensors_in(output)
    ]
    return with_tensors(output, rows)


def repeated(output: object, count: int, value: float = 0) -> object:
    """Return a `blank` output as one for ``count`` images, in no memory.

    Args:
        output: As of `blank`.
        count: Number of images.
        value: What floating-point tensors are filled with.
    """
    rows = [
        tensor.new_full((), value if tensor.is_floating_point() else 0).expand(
            count, *tensor.shape[1:]
        )
        if tensor.ndim
        else tensor
        for tensor in tensors_in(output)
    ]
    return with_tensors(output, rows)


@contextmanager
def replaced(methods: Mapping[tuple[nn.Module, str], Callable]) -> Iterator[None]:
    """Let modules compute something else for a while.

    Args:
        methods: What a module's method, such as ``"forward"``, is replaced by.
    """
    # Some modules have one of their own already, beside that of their class.
    own = {key: vars(key[0])[key[1]] for key in methods if key[1] in vars(key[0])}
    for (module, name), method in methods.items():
        setattr(module, name, method)
    try:
        yield
    finally:
        for module, name in methods:
            if (module, name) in own:
                setattr(module, name, own[module, name])
            else:
                delattr(module, name)
