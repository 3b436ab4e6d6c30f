"""Turn a checkpoint into tensors and plain types, and back.

MMEngine keeps ``HistoryBuffer`` and NumPy objects in its checkpoints, which only an
unpickler that can run code reads. Plain ones load with ``torch.load``'s own
``weights_only=True`` and nothing allowed besides.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_HISTORY = "history_buffer"


def to_plain(value: Any) -> Any:  # noqa: ANN401 - a tree of any types
    """Return ``value`` with tensors and plain types only.

    Args:
        value: Nested dicts, lists and tuples of tensors, NumPy arrays and scalars,
            ``HistoryBuffer``, str, bytes, numbers, bools and None.

    Raises:
        TypeError: If it holds anything else; names where.
    """
    return _to_plain(value, "checkpoint")


def _to_plain(value: Any, where: str) -> Any:  # noqa: ANN401
    if isinstance(value, HistoryBuffer):
        log, counts = value.data
        return {
            _HISTORY: [torch.from_numpy(log.copy()), torch.from_numpy(counts.copy())]
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        items = [(key, _to_plain(value[key], f"{where}.{key}")) for key in value]
        if not isinstance(value, OrderedDict):
            return dict(items)
        plain = OrderedDict(items)
        if hasattr(value, "_metadata"):  # the versions of a state dict's modules
            plain._metadata = _to_plain(value._metadata, f"{where}._metadata")
        return plain
    if isinstance(value, list | tuple):
        items = [_to_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if value is None or isinstance(value, str | bytes | bool | int | float | complex):
        # A subclass, such as an enum or NumPy's str_, would be pickled by its class.
        for plain in (bool, int, float, complex, str, bytes):
            if isinstance(value, plain):
                return plain(value)
        return None
    raise TypeError(
        f"{where} is of type {type(value).__name__}, which cannot be stored in a "
        "checkpoint of plain types. Let the hook or scheduler that puts it there store "
        "numbers, strings, lists, dicts or tensors."
    )


def is_whole_history(value: dict) -> bool:
    """Return whether `from_plain` can read a dict, as far as it is a history."""
    if value.keys() != {_HISTORY}:
        return True
    pair = value[_HISTORY]
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(torch.is_tensor(x) and x.dim() == 1 for x in pair)
        and len(pair[0]) == len(pair[1])
    )


def from_plain(value: Any) -> Any:  # noqa: ANN401
    """Return what `to_plain` was given, with NumPy arrays as tensors.

    Dicts are changed in place.
    """
    if isinstance(value, dict):
        if value.keys() == {_HISTORY}:
            log, counts = value[_HISTORY]
            return HistoryBuffer(log.numpy(), counts.numpy())
        for key in value:
            value[key] = from_plain(value[key])
        return value
    if isinstance(value, list | tuple):
        return type(value)(from_plain(item) for item in value)
    return value
