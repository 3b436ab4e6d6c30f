"""Chance that goes by seed, epoch and image, and by nothing else."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


@contextmanager
def drawing_from(seed: int | None = None) -> Iterator[None]:
    """Let chance go by a seed for a while, and then on as if nothing had been.

    Args:
        seed: In [0, 2**32), or None to draw on from where the generators are.
    """
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            if seed is not None:
                _draw_from(seed)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _draw_from(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    # Not `torch.manual_seed`, which seeds GPUs as well.
    torch.default_generator.manual_seed(seed)


def draw_from(seed: int) -> None:
    """Let Python, NumPy and torch, on GPUs too, draw by a seed, in [0, 2**32)."""
    _draw_from(seed)
    if _has_gpu():
        # A millisecond on a machine without: torch notes who called, for later.
        torch.manual_seed(seed)


@cache
def _has_gpu() -> bool:
    return torch.accelerator.is_available()


def seed_of(*numbers: int) -> int:
    """Return a seed, in [0, 2**32), that goes by all the numbers and their order."""
    text = " ".join(map(str, numbers)).encode()
    return int.from_bytes(blake2b(text, digest_size=4).digest(), "little")


class ItemsByEpoch:
    """Items of a data set whose chance goes by seed, epoch and number of the image.

    So it is the same in one process or many workers, whichever worker has it, and after
    a run was resumed; and another in each epoch. Torch's loader asks a data set for
    ``__getitems__``, and this is one to be set on it.

    Args:
        dataset: Whose items.
        seed: The run's.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self._dataset, self._seed = dataset, seed
        # Workers that stay see it change.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> Tensor:
        """The epoch, from 0, to be filled in before it begins."""
        return self._epoch

    def __call__(self, indices: Sequence[int]) -> list:
        epoch = int(self._epoch)
        items = []
        with drawing_from():
            for index in indices:
                _draw_from(seed_of(self._seed, epoch, index))
                items.append(self._dataset[index])
        return items
