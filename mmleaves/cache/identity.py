"""What tells one computation from another: settings, code and versions, as plain types.

A ``repr`` does not serve: some leave settings out, long arrays are cut short, and the
address in others is another one in each run.
"""

import re
import sys
from collections.abc import Mapping
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType

import numpy as np
import torch

# Where pixels and features are computed.
_PACKAGES = (
    *("torch", "torchvision", "mmengine", "mmcv", "mmpretrain", "timm", "transformers"),
    *("numpy", "cv2", "PIL", "albumentations"),
)


def described(value: object, _within: tuple[int, ...] = ()) -> object:
    """Return all that a value is set to, as lists and text, for ``json.dumps``.

    Of an object that is its class, with the code of that, and its attributes.
    """
    if id(value) in _within:
        return "itself"
    within = (*_within, id(value))
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return repr(value)
        case np.ndarray():
            contents = np.ascontiguousarray(value).tobytes()
            digest = blake2b(contents, digest_size=16).hexdigest()
            return [str(value.dtype), list(value.shape), digest]
        case torch.Tensor():
            plain = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            return [str(value.dtype), list(value.shape), described(plain.numpy())]
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
        case FunctionType() | BuiltinFunctionType():
            name = f"{value.__module__}.{value.__qualname__}"
            return [name, _digest_of_module(value.__module__)]
    if hasattr(value, "__dict__"):
        return [described(type(value)), described(vars(value), within)]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


@cache
def code_of(kind: type) -> str:
    """Return a digest of the files that a class and its bases are written in."""
    modules = dict.fromkeys(base.__module__ for base in kind.__mro__)
    return " ".join(filter(None, map(_digest_of_module, modules)))


@cache
def _digest_of_module(name: str) -> str:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:  # built in, or typed into a console
        return ""
    return blake2b(Path(file).read_bytes(), digest_size=8).hexdigest()


def versions() -> str:
    """Return the versions of the packages in use that compute pixels or features."""
    return " ".join(
        f"{name} {sys.modules[name].__version__}"
        for name in _PACKAGES
        if hasattr(sys.modules.get(name), "__version__")
    )
