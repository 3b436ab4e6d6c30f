"""Batches of features in the place of batches of images."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mmleaves.cache.frozen_trunk import Features

Take = Callable[[Sequence[bytes]], list[Tensor]]


def in_memory(take: Take, keys: Sequence[bytes]) -> Take:
    """Return a faster ``take`` that has the rows of these keys in memory."""
    unique = list(dict.fromkeys(keys))
    tensors = take(unique)
    rows = {key: row for row, key in enumerate(unique)}

    def taken(keys: Sequence[bytes]) -> list[Tensor]:
        wanted = torch.tensor([rows[key] for key in keys])
        return [tensor[wanted] for tensor in tensors]

    return taken


class FeatureLoader:
    """Yields what a data loader would, with features for images.

    The images come in the same order, as the sampler is the same. In a training with
    several views of each image, the view changes from epoch to epoch.

    Args:
        loader: The data loader that it takes the place of.
        take: Returns the features of the keys, a row for each.
        keys: For each image of the data set, the keys of its views.
        samples: The data sample of each image.
        image_shape: (C, H, W) that the images would have.
        seed: Of which view each image begins with.
    """

    def __init__(
        self,
        loader: DataLoader,
        take: Take,
        keys: Sequence[Sequence[bytes]],
        samples: Sequence[object],
        image_shape: tuple[int, int, int],
        seed: int,
    ) -> None:
        self.loader = loader
        self.dataset, self.sampler = loader.dataset, loader.sampler
        self.batch_sampler, self.batch_size = loader.batch_sampler, loader.batch_size
        self._take, self._keys, self._samples = take, keys, samples
        self._image_shape = image_shape
        views = [len(of_one) for of_one in keys]
        self._first = np.random.default_rng(seed).integers(views)
        self._epoch = 0

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes, from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[dict]:
        for indices in self.batch_sampler:
            features = self._take([self._key(index) for index in indices])
            yield {
                "inputs": Features(features, self._image_shape),
                "data_samples": [self._samples[index] for index in indices],
            }

    def _key(self, index: int) -> bytes:
        views = self._keys[index]
        return views[(self._first[index] + self._epoch) % len(views)]

    def views_now(self) -> Tensor:
        """Return which view of each image this epoch has, (N,), int64."""
        views = np.array([len(of_one) for of_one in self._keys])
        return torch.from_numpy((self._first + self._epoch) % views)

    def everything(self) -> tuple[Tensor, Tensor]:
        """Return all features and labels, for those who have the memory.

        Returns:
            The last tensor of each view's features as one vector, (N, views, D), as
            it is kept; and the labels, (N,), int64.
        """
        keys = [key for of_one in self._keys for key in of_one]
        last = self._take(keys)[-1]
        labels = torch.tensor([int(sample.gt_label) for sample in self._samples])
        return last.reshape(len(self._keys), -1, last[0].numel()), labels
