"""Put aside the candidates whose thumbnails do not match, before any is registered.

Registration takes a millisecond a pair, and in a set of leaves on white every leaf has
a hundred others that look much like it at first. Here the details of the one thumbnail
are correlated with those of the other at some zooms and shifts: a matrix product.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from mmleaves.audit.candidates import Candidate
from mmleaves.audit.descriptors import turned
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
        candidate: The two, and how the first is turned.
        warp: Affine map from places (x, y, 1) in the second's thumbnail to places in
            the first's, turned, (2, 3), float32: a zoom and a shift, roughly.
        correlation: Of the details, to 1.
    """

    candidate: Candidate
    warp: np.ndarray
    correlation: float


def screened(
    found: Sequence[Candidate],
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
    details = np.stack([_details(img) for img in thumbnails])
    targets = _unit(details[:, None])[:, 0]
    views: dict[tuple[int, str], list[int]] = defaultdict(list)
    for candidate in found:
        views[candidate.first, candidate.turn].append(candidate.second)
    best: dict[tuple[int, int, str], tuple[float, int, Candidate]] = {}
    steps = _steps(thumbnails.shape[1])
    keys = list(views)
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        imgs = np.stack([turned(details[i][..., None], t)[..., 0] for i, t in batch])
        for (first, turn), moved in zip(batch, _unit(_moved(imgs, steps)), strict=True):
            seconds = views[first, turn]
            values = moved @ targets[seconds].T
            for second, place, value in zip(
                seconds,
                values.argmax(axis=0).tolist(),
                values.max(axis=0).tolist(),
                strict=True,
            ):
                key = _key(first, second, turn)
                if value > max(CORRELATION, best.get(key, (0,))[0]):
                    best[key] = value, place, Candidate(first, second, turn)
        if progress:
            progress("Screening pairs", min(start + BATCH, len(keys)), len(keys))
    return _best_of_each(
        [Match(c, _warp(place, thumbnails.shape[1]), value)
         for value, place, c in best.values()]
    )  # fmt: skip


def _best_of_each(matches: Sequence[Match]) -> list[Match]:
    """Return the matches that are among the best fifteen of one of their pictures."""
    kept, count = [], defaultdict(int)
    for match in sorted(matches, key=lambda match: -match.correlation):
        ends = match.candidate.first, match.candidate.second
        if min(count[end] for end in ends) < KEPT:
            kept.append(match)
        for end in ends:
            count[end] += 1
    return kept


def _key(first: int, second: int, turn: str) -> tuple[int, int, str]:
    """Return the same for both orders of a pair: most turns undo themselves."""
    if first < second:
        return first, second, turn
    clockwise, back = (
        "turned by 90 degrees clockwise",
        "turned by 90 degrees anticlockwise",
    )
    return second, first, {clockwise: back, back: clockwise}.get(turn, turn)


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
