"""What tells one object or class from another: its settings and code, as plain types.

A ``repr`` does not serve: some leave settings out, long arrays are cut short, and the
address in others is another one in each run.
"""

import copyreg
import json
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from hashlib import blake2b
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MethodType,
    ModuleType,
)

import numpy as np
import torch

from mmleaves.cache.code_digests import bytecode, digest_of_module, functions_of


def described(value: object, _within: tuple[int, ...] = ()) -> object:
    """Return all that a value is set to, as lists and text, for ``json.dumps``.

    Of an object that is its class, with the code of that, and its attributes; or what
    it would be pickled as, where it has a way of its own for that, or no attributes, as
    what is written in C. Of a generator of random numbers it is the class alone: each
    run begins with another.

    Raises:
        ValueError: If nothing tells what an object is set to.
    """
    if id(value) in _within:
        return "itself"
    within = (*_within, id(value))
    match value:
        case None | bool() | int() | float() | str() | bytes() | PurePath():
            return repr(value)
        case np.ndarray() if value.dtype.hasobject:  # its bytes are addresses
            return [list(value.shape), described(value.ravel().tolist(), within)]
        case np.ndarray():
            contents = np.ascontiguousarray(value).tobytes()
            digest = blake2b(contents, digest_size=16).hexdigest()
            return [str(value.dtype), list(value.shape), digest]
        case torch.Tensor():
            plain = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            return [str(value.dtype), list(value.shape), described(plain.numpy())]
        case (
            torch.Generator()
            | np.random.Generator()
            | np.random.RandomState()
            | random.Random()
        ):
            return described(type(value))
        case Mapping():
            return [[described(k, within), described(value[k], within)] for k in value]
        case list() | tuple():
            return [described(item, within) for item in value]
        case set() | frozenset():
            return sorted(str(described(item, within)) for item in value)
        case type():
            return [f"{value.__module__}.{value.__qualname__}", code_of(value)]
        case partial():
            parts = value.func, value.args, value.keywords
            return [described(part, within) for part in parts]
        case MethodType():
            return [value.__name__, described(value.__self__, within)]
        case FunctionType():
            held = [_content(cell) for cell in value.__closure__ or ()]
            given = [value.__defaults__, value.__kwdefaults__, held]
            code = [*_code_of_function(value), bytecode(value.__code__)]
            return [*code, described(given, within)]
        case ModuleType():
            version = str(getattr(value, "__version__", ""))
            return [value.__name__, version, digest_of_module(value.__name__)]
        case BuiltinFunctionType():
            return [*_code_of_function(value), described(value.__self__, within)]
    slots = _slots(type(value))
    if (slots or hasattr(value, "__dict__")) and not _pickles_in_its_own_way(value):
        held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        held |= getattr(value, "__dict__", {})
        return [described(type(value)), described(held, within)]
    return [described(type(value)), described(_pickled(value), within)]


def _pickles_in_its_own_way(value: object) -> bool:
    kind = type(value)
    names = ("__getstate__", "__reduce__", "__reduce_ex__")
    return kind in copyreg.dispatch_table or any(
        getattr(kind, name, None) is not getattr(object, name, None) for name in names
    )


def _pickled(value: object) -> object:
    """Return what pickle would make an object from, beside its class."""
    registered = copyreg.dispatch_table.get(type(value))
    try:
        made = registered(value) if registered else value.__reduce_ex__(4)
    # Whatever the class raises: it is not meant to be pickled.
    except Exception as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise ValueError(
            f"feature_cache: found a {kind} in a pipeline or a data set, and nothing "
            f"tells what it is set to ({error}), so that features of another setting "
            "could be taken for its own. Make it where it is used, from settings that "
            "are plain, or leave out feature_cache."
        ) from error
    if isinstance(made, str):  # of something in a module, or around a function of it
        return [value.__module__, made, getattr(value, "__wrapped__", None)]
    make, given, *state = made
    return [make, *(list(s) if isinstance(s, Iterator) else s for s in (given, *state))]


def _code_of_function(function: Callable) -> list[str]:
    name = f"{function.__module__}.{function.__qualname__}"
    return [name, digest_of_module(function.__module__)]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _slots(kind: type) -> list[str]:
    """Return the attributes that objects of a class have outside their ``__dict__``."""
    found: list[str] = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        found += [slots] if isinstance(slots, str) else slots
    return [name for name in found if name not in ("__dict__", "__weakref__")]


@cache
def code_of(kind: type) -> str:
    """Return a digest of the files that a class and its bases are written in.

    And of what was compiled of them: a file may have changed since, or there is none,
    as of what is typed into a notebook.
    """
    modules = dict.fromkeys(base.__module__ for base in kind.__mro__)
    compiled = blake2b(digest_size=8)
    for base in kind.__mro__:
        for name, function in sorted(functions_of(base)):
            compiled.update(f"{name} {bytecode(function.__code__)}".encode())
        if not digest_of_module(base.__module__):
            given = [
                [f.__defaults__, f.__kwdefaults__]
                for _, f in sorted(functions_of(base))
            ]
            compiled.update(json.dumps(described([given, _values(base)])).encode())
    files = filter(None, map(digest_of_module, modules))
    return " ".join([*files, compiled.hexdigest()])


def _values(kind: type) -> dict[str, object]:
    """Return what is set in the body of a class, but for functions and the like."""
    plain = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset)
    return {
        name: value
        for name, value in sorted(vars(kind).items())
        if isinstance(value, plain) and not name.startswith("__")
    }
