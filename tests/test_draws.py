"""Chance by seed, epoch and image."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mmleaves.draws import ItemsByEpoch, drawing_from, seed_of


class Draws(Dataset):
    """Items of chance alone, of each kind."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()])


def drawn(epochs=(0,), seed=0, **loader):
    dataset = Draws()
    items = dataset.__getitems__ = ItemsByEpoch(dataset, seed)
    batches = DataLoader(dataset, batch_size=3, **loader)
    found = []
    for epoch in epochs:
        items.epoch.fill_(epoch)
        found.append(torch.cat(list(batches)))
    return torch.stack(found)


def test_draws_are_the_same_whatever_the_workers_and_others_in_each_epoch():
    epochs = (0, 1, 2)
    alone = drawn(epochs)
    assert torch.equal(drawn(epochs, num_workers=2), alone)
    assert torch.equal(drawn(epochs, num_workers=2, persistent_workers=True), alone)
    # Another number for each epoch, image and kind.
    assert len(alone.unique()) == alone.numel()


def test_an_epoch_draws_the_same_without_those_before():
    assert torch.equal(drawn((2,)), drawn((0, 1, 2))[2:])


def test_another_seed_draws_otherwise():
    assert not torch.equal(drawn(seed=1), drawn(seed=0))


def test_what_others_draw_is_not_touched():
    with drawing_from(5):
        expected = random.random(), np.random.rand(), torch.rand(()).item()
    with drawing_from(5):
        drawn(generator=torch.Generator())  # as DrawsHook sees to
        found = random.random(), np.random.rand(), torch.rand(()).item()
    assert found == expected


def test_a_seed_goes_by_all_numbers_and_their_order():
    seeds = {seed_of(*numbers) for numbers in ((0, 1), (1, 0), (0, 1, 0), (1,), (0,))}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**32 for seed in seeds)
