"""Pairs of pictures that may be the same: the nearest neighbours of each."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mmleaves.audit.descriptors import TURNS, ZOOM, frequencies, is_plain, vectors
from mmleaves.audit.reading import Progress

# Of planted copies cropped by 5 %, 99 % are nearer than 0.83 (benchmarks/audit.py).
SIMILARITY = 0.78
NEIGHBOURS = 50
BLOCK = 512


@dataclass(frozen=True)
class Candidate:
    """Two pictures that may be the same.

    Attributes:
        first: Index of the one that is to be turned, and that may hold more: the
            other may be cropped from it.
        second: Index of the other.
        turn: How the first is turned to look like the second, key of ``TURNS``.
    """

    first: int
    second: int
    turn: str


def candidates(
    thumbnails: np.ndarray, *, progress: Progress | None = None
) -> tuple[list[Candidate], int]:
    """Return the pairs of pictures that may be the same, flipped, turned or cropped.

    Every picture is compared with every other by matrix products: exact, and for
    10,000 pictures a matter of seconds; the time grows with the square of their number.

    Args:
        thumbnails: (N, S, S, 3), uint8, BGR.
        progress: Called with what is done, how many are done, and how many there are.

    Returns:
        Each pair in each order and turn at most once; and the number of pictures
        without any contrast, which are not compared.
    """
    base = frequencies(thumbnails)
    plain = is_plain(base)
    base = vectors(base)
    base[plain] = 0
    zoomed = frequencies(thumbnails, zoom=ZOOM)
    found: list[Candidate] = []
    done, total = 0, len(TURNS) * len(thumbnails)
    for turn in TURNS:
        queries = vectors(zoomed, turn)
        queries[plain] = 0
        for block, first, second in _near(queries, base):
            pairs = zip(first.tolist(), second.tolist(), strict=True)
            found += [Candidate(i, j, turn) for i, j in pairs]
            done += block
            if progress:
                progress("Comparing images", done, total)
    return found, int(plain.sum())


def _near(
    queries: np.ndarray, base: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield block by block its size and the pairs above the similarity."""
    starts = range(0, len(queries), BLOCK)
    # NumPy's products and comparisons leave the other threads running.
    with ThreadPoolExecutor(2) as pool:
        for start, (rows, columns) in zip(
            starts,
            pool.map(lambda s: _nearest(queries[s : s + BLOCK], base, s), starts),
            strict=True,
        ):
            size = min(BLOCK, len(queries) - start)
            yield size, rows + start, columns


def _nearest(
    queries: np.ndarray, base: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    similarity = queries @ base.T
    own = np.arange(len(queries))
    similarity[own, own + start] = -1
    rows, columns = np.nonzero(similarity > SIMILARITY)
    if not len(rows):
        return rows, columns
    order = np.lexsort((-similarity[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[place < NEIGHBOURS], columns[place < NEIGHBOURS]
