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
class Candidates:
    """Pairs of pictures that may be the same, M of them, ordered by turn and by first.

    Attributes:
        first: Index of the one that is to be turned, and that may hold more: the
            other may be cropped from it, (M,), int32.
        second: Index of the other, (M,), int32.
        turn: How the first is turned to look like the second, as the place of its name
            in ``TURNS``, (M,), int8.
    """

    # Arrays, as 50,000 pictures that are all alike give twenty million.
    first: np.ndarray
    second: np.ndarray
    turn: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def chosen(self, which: np.ndarray) -> "Candidates":
        """Return those at the indices, or of the mask, ``which``."""
        return Candidates(self.first[which], self.second[which], self.turn[which])


def candidates(
    thumbnails: np.ndarray, *, progress: Progress | None = None
) -> tuple[Candidates, np.ndarray]:
    """Return the pairs of pictures that may be the same, flipped, turned or cropped.

    Every picture is compared with every other by matrix products: exact, and for
    10,000 pictures a matter of seconds; the time grows with the square of their number.

    Args:
        thumbnails: (N, S, S, 3), uint8, BGR.
        progress: Called with what is done, how many are done, and how many there are.

    Returns:
        Each pair in each order and turn at most once; and which pictures are without
        any contrast and not compared, (N,), bool.
    """
    base = frequencies(thumbnails)
    plain = is_plain(base)
    base = vectors(base)
    base[plain] = 0
    zoomed = frequencies(thumbnails, zoom=ZOOM)
    found = [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int8))]
    done, total = 0, len(TURNS) * len(thumbnails)
    for place, turn in enumerate(TURNS):
        queries = vectors(zoomed, turn)
        queries[plain] = 0
        for block, first, second in _near(queries, base):
            found.append((first, second, np.full(len(first), place, np.int8)))
            done += block
            if progress:
                progress("Comparing images", done, total)
    return Candidates(*map(np.concatenate, zip(*found, strict=True))), plain


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
            yield size, (rows + start).astype(np.int32), columns.astype(np.int32)


def _nearest(
    queries: np.ndarray, base: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    similarity = queries @ base.T
    own = np.arange(len(queries))
    similarity[own, own + start] = -1
    near = similarity > SIMILARITY
    for row in np.flatnonzero(near.sum(axis=1) > NEIGHBOURS):
        columns = np.flatnonzero(near[row])
        order = np.argpartition(-similarity[row, columns], NEIGHBOURS)
        near[row, columns[order[NEIGHBOURS:]]] = False
    return np.nonzero(near)
