"""Digests of code, and the versions of packages: what a computation is written in."""

import inspect
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType

# Where pixels and features are computed.
_PACKAGES = (
    *("torch", "torchvision", "mmengine", "mmcv", "mmpretrain", "timm", "transformers"),
    *("numpy", "cv2", "PIL", "albumentations"),
)


def functions_of(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions that are written in the body of a class, by name."""
    for name, value in vars(kind).items():
        parts = {"": value}
        if isinstance(value, property):
            parts = {"get": value.fget, "set": value.fset, "del": value.fdel}
        for part, function in parts.items():
            function = inspect.unwrap(getattr(function, "__func__", function))
            if isinstance(function, FunctionType):
                yield f"{name} {part}", function


def bytecode(code: CodeType) -> str:
    """Return what a function was compiled to, the same in each process."""
    constants = [
        bytecode(constant) if isinstance(constant, CodeType) else _written(constant)
        for constant in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _written(constant: object) -> str:
    # The order of a set is another one in each process.
    if isinstance(constant, frozenset):
        return repr(sorted(map(repr, constant)))
    return repr(constant)


@cache
def digest_of_module(name: str) -> str:
    """Return a digest of the file of an imported module, empty if it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:  # built in, or typed into a console
        return ""
    try:
        code = Path(file).read_bytes()
    except OSError:  # within an archive
        return ""
    return blake2b(code, digest_size=8).hexdigest()


def versions() -> str:
    """Return the versions of the packages in use that compute pixels or features.

    Of this package it is a digest of the code that runs a frozen trunk.
    """
    found = [
        f"{name} {sys.modules[name].__version__}"
        for name in _PACKAGES
        if hasattr(sys.modules.get(name), "__version__")
    ]
    return " ".join([*found, "mmleaves", _own_code()])


@cache
def _own_code() -> str:
    here = Path(__file__).parent
    digest = blake2b(digest_size=8)
    for file in [*sorted(here.glob("*.py")), here.parent / "draws.py"]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
