"""Which pairs of pictures are looked at, when nearly all of them are alike."""

import numpy as np

from mmleaves.audit.candidates import NEIGHBOURS, candidates
from mmleaves.audit.descriptors import TURNS, ZOOM, frequencies, vectors
from mmleaves.audit.screening import screened


def alike(count):
    """Thumbnails of one dark disc on white, each with a little noise."""
    rng = np.random.RandomState(0)
    y, x = np.mgrid[:32, :32] / 16 - 1
    disc = np.where(x**2 + 2 * y**2 < 0.4, 80.0, 220.0)
    noisy = disc + rng.normal(0, 4, (count, 32, 32))
    return np.repeat(noisy[..., None], 3, axis=3).astype(np.uint8)


def test_of_many_that_are_alike_the_nearest_are_chosen():
    thumbnails = alike(120)
    found, is_plain = candidates(thumbnails)
    assert not is_plain.any()
    # The disc looks the same in four turns, and much the same in the other four.
    assert len(found) <= 120 * NEIGHBOURS * len(TURNS)
    base = vectors(frequencies(thumbnails))
    similarity = vectors(frequencies(thumbnails, zoom=ZOOM)) @ base.T
    np.fill_diagonal(similarity, -1)
    for picture in range(120):
        mine = found.second[(found.first == picture) & (found.turn == 0)]
        nearest = np.argsort(-similarity[picture])[:NEIGHBOURS]
        assert set(mine) == set(nearest)


def test_screening_keeps_a_few_of_each_picture_and_the_best_first():
    thumbnails = alike(120)
    thumbnails[7] = thumbnails[80]
    matches = screened(candidates(thumbnails)[0], thumbnails)
    assert {matches[0].first, matches[0].second} == {7, 80}
    assert 120 <= len(matches) <= 120 * 15
    pairs = [(m.first, m.second, m.turn) for m in matches]
    assert len(pairs) == len(set(pairs))


def test_nothing_to_compare_gives_nothing():
    plain = np.full((5, 32, 32, 3), 200, np.uint8)
    found, is_plain = candidates(plain)
    assert len(found) == 0 and is_plain.all()
    assert screened(found, plain) == []
