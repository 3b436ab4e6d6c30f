"""Read what others put beside tensors into checkpoints, with none of their code.

Files of MMEngine hold its ``HistoryBuffer`` and, as many published weights, numbers and
arrays of NumPy. Their pickles name the classes and functions that make those, among
them Python's own ``getattr``. Here stand-ins take those names, which can do nothing but
keep data; anything else that a file names is refused by torch's ``weights_only``.
"""

from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer

# Of NumPy's kinds of types those that are plain data: no objects, no structures.
_KINDS = "biufcSU"
# What a history can say of itself.
_STATISTICS = ("current", "max", "mean", "min")


class _DType:
    """In place of ``numpy.dtype``."""

    def __init__(self, code: str, *_: object) -> None:
        self._code, self._order = code, "|"

    def __setstate__(self, state: tuple) -> None:
        self._order = state[1]

    def real(self) -> np.dtype:
        dtype = np.dtype(self._code).newbyteorder(self._order)
        if dtype.kind not in _KINDS or dtype.itemsize == 0:
            raise ValueError(f"NumPy's type {self._code!r} is not one of plain data")
        return dtype


class _Array:
    """In place of ``numpy.ndarray``."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, by_columns, content = state
        flat = _numbers(dtype, content)
        self.value = flat.reshape(shape, order="F" if by_columns else "C").copy()


class _History:
    """In place of ``HistoryBuffer``."""

    log: _Array
    counts: _Array

    def __setstate__(self, state: dict) -> None:
        self.log, self.counts = state["_log_history"], state["_count_history"]


def _new_array(kind: type, *_: object) -> _Array:
    if kind is not _Array:
        raise ValueError("an array of a class of its own")
    return _Array()


def _scalar(dtype: _DType, content: bytes) -> str | bytes | bool | float | complex:
    return _numbers(dtype, content)[0].item()


def _numbers(dtype: _DType, content: bytes) -> np.ndarray:
    # Of anything but bytes NumPy might make something else, and more.
    real = dtype.real()
    if not isinstance(content, bytes):
        raise ValueError(f"an array of {type(content).__name__}, expected bytes")
    return np.frombuffer(content, real)


def _method_of_history(owner: type, name: str) -> str:
    """Stand in for ``getattr``, by which a history names its own statistics."""
    if owner is not _History or name not in _STATISTICS:
        raise ValueError(f"getattr of {owner!r}")
    return name


STAND_INS = [
    (_method_of_history, "builtins.getattr"),
    (_History, "mmengine.logging.history_buffer.HistoryBuffer"),
    (_DType, "numpy.dtype"),
    (_Array, "numpy.ndarray"),
    # NumPy 1 and 2.
    *[
        (stand_in, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name, stand_in in (("_reconstruct", _new_array), ("scalar", _scalar))
    ],
]


def from_stand_ins(value: Any) -> Any:  # noqa: ANN401 - a tree of any types
    """Return ``value`` with what stand-ins kept as real objects, in place."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, _History):
        return HistoryBuffer(value.log.value, value.counts.value)
    if isinstance(value, dict):
        for key in value:
            value[key] = from_stand_ins(value[key])
    elif isinstance(value, list):
        value[:] = map(from_stand_ins, value)
    elif type(value) is tuple:
        return tuple(map(from_stand_ins, value))
    return value
