"""Put aside the candidates whose thumbnails do not match, before any is registered.

Registration takes a millisecond a pair, and in a set of leaves on white every leaf has
a hundred others that look much like it at first. Here the details of the one thumbnail
are correlated with those of the other at some zooms and shifts: a matrix product.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from mmleaves.audit.candidates import Candidates
from mmleaves.audit.descriptors import TURNS, turned, turned_back
from mmleaves.audit.reading import Progress

ZOOMS = (1.0, 0.95, 0.9)
SHIFTS_PX = (-1.0, -0.5, 0.0, 0.5, 1.0)
MARGIN_PX = 2
# Of planted copies cropped by 5 % all reach 0.93, by 10 % nearly all reach 0.75.
CORRELATION = 0.75
# The best so many of a picture go on.
KEPT = 15
BATCH = 256


@dataclass(frozen=True)
class Match:
    """Two pictures whose thumbnails match.

    Attributes:
        first: Index of the one, which may hold more.
        second: Index of the other.
        turn: How the first is turned to look like the second, key of ``TURNS``.
        warp: Affine map from places (x, y, 1) in the second's thumbnail to places in
            the first's, turned, (2, 3), float32: a zoom and a shift, roughly.
    """

    first: int
    second: int
    turn: str
    warp: np.ndarray


def screened(
    found: Candidates,
    thumbnails: np.ndarray,
    *,
    progress: Progress | None = None,
) -> list[Match]:
    """Return the candidates whose thumbnails match, the best fifteen of each picture.

    Args:
        found: Candidates.
        thumbnails: (N, S, S, 3), uint8, BGR.
        progress: Called with what is done, how many are done, and how many there are.
    """
    if not len(found):
        return []
    names = list(TURNS)
    values = np.empty(len(found), np.float32)
    places = np.empty(len(found), np.int8)
    details = np.stack([_details(img) for img in thumbnails])
    targets = _unit(details[:, None])[:, 0]
    steps = _steps(thumbnails.shape[1])
    # A view is a picture and how it is turned; its candidates lie in a row.
    other = (np.diff(found.first) != 0) | (np.diff(found.turn) != 0)
    begins = np.concatenate([[0], np.flatnonzero(other) + 1])
    ends = np.append(begins[1:], len(found))
    for start in range(0, len(begins), BATCH):
        batch = slice(start, start + BATCH)
        imgs = np.stack(
            [
                turned(details[found.first[i]][..., None], names[found.turn[i]])[..., 0]
                for i in begins[batch]
            ]
        )
        views = _unit(_moved(imgs, steps))
        for moved, i, j in zip(views, begins[batch], ends[batch], strict=True):
            correlations = moved @ targets[found.second[i:j]].T
            values[i:j] = correlations.max(axis=0)
            places[i:j] = correlations.argmax(axis=0)
        if progress:
            progress("Screening pairs", min(start + BATCH, len(begins)), len(begins))
    chosen = _best_of_each(found, values)
    kept = found.chosen(chosen)
    return [
        Match(first, second, names[turn], _warp(place, thumbnails.shape[1]))
        for first, second, turn, place in zip(
            kept.first.tolist(),
            kept.second.tolist(),
            kept.turn.tolist(),
            places[chosen].tolist(),
            strict=True,
        )
    ]


def _best_of_each(found: Candidates, values: np.ndarray) -> np.ndarray:
    """Return which match and are among the best fifteen of one of their pictures.

    Args:
        found: Candidates, M of them.
        values: The correlation of each, (M,).

    Returns:
        Indices, the best first; of the two orders of a pair, the better.
    """
    order = np.flatnonzero(values > CORRELATION)
    order = order[np.argsort(-values[order], kind="stable")]
    _, unique = np.unique(_pairs(found.chosen(order)), return_index=True)
    order = order[np.sort(unique)]
    ends = np.stack([found.first[order], found.second[order]], axis=1).ravel()
    by_picture = np.argsort(ends, kind="stable")
    ranks = np.empty(len(ends), np.int64)
    pictures = ends[by_picture]
    ranks[by_picture] = np.arange(len(ends)) - np.searchsorted(pictures, pictures)
    return order[ranks.reshape(-1, 2).min(axis=1) < KEPT]


def _pairs(found: Candidates) -> np.ndarray:
    """Return a number for each pair and turn, the same for both orders, (M,), int64."""
    names = list(TURNS)
    back = np.array([names.index(turned_back(name)) for name in names])
    first, second = (ends.astype(np.int64) for ends in (found.first, found.second))
    turn = np.where(first < second, found.turn, back[found.turn])
    low, high = np.minimum(first, second), np.maximum(first, second)
    return (low << 34) | (high << 3) | turn


def _warp(place: int, side_px: int) -> np.ndarray:
    """Return the map of the zoom and the shift at ``place`` of `_moved`."""
    zoom, down, right = np.unravel_index(
        place, (len(ZOOMS), len(SHIFTS_PX), len(SHIFTS_PX))
    )
    stays = (1 - ZOOMS[zoom]) * (side_px - 1) / 2
    return np.float32(
        [
            [ZOOMS[zoom], 0, stays + SHIFTS_PX[right]],
            [0, ZOOMS[zoom], stays + SHIFTS_PX[down]],
        ]
    )


def _details(img: np.ndarray) -> np.ndarray:
    """Return the details of 2 to 8 pixels, (S, S), float32."""
    grey = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return cv2.GaussianBlur(grey, (0, 0), 0.8) - cv2.GaussianBlur(grey, (0, 0), 3.0)


def _steps(side_px: int) -> np.ndarray:
    """Return the matrix of each zoom and shift of an axis, (zooms, shifts, S, S)."""
    middle = (side_px - 1) / 2
    rows = np.arange(side_px)
    steps = np.zeros((len(ZOOMS), len(SHIFTS_PX), side_px, side_px), np.float32)
    for (a, zoom), (b, shift) in product(enumerate(ZOOMS), enumerate(SHIFTS_PX)):
        places = (rows - middle) * zoom + middle + shift
        left = np.clip(np.floor(places).astype(int), 0, side_px - 2)
        share = np.clip(places - left, 0, 1)
        steps[a, b, rows, left] = 1 - share
        steps[a, b, rows, left + 1] += share
    return steps


def _moved(imgs: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return each of ``imgs``, (N, S, S), at each zoom, then shift down, then right."""
    across = imgs[:, None, None] @ steps.swapaxes(2, 3)
    both = steps[:, :, None] @ across[:, :, None]
    return both.reshape(len(imgs), -1, *imgs.shape[1:])


def _unit(imgs: np.ndarray) -> np.ndarray:
    """Return what is inside the margin, centred, as unit vectors, (N, M, pixels)."""
    inner = imgs[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    flat = inner.reshape(*imgs.shape[:2], -1)
    flat = flat - flat.mean(axis=-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-6)
