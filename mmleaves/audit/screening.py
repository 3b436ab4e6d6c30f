"""Put aside the candidates whose thumbnails do not match, before any is registered.

Registration takes a millisecond a pair, and in a set of leaves on white every leaf has
a hundred others that look much like it at first. Here the details of the one thumbnail
are correlated with those of the other at some zooms and shifts: a matrix product.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np

from mmleaves.audit.candidates import Candidate
from mmleaves.audit.descriptors import turned
from mmleaves.audit.reading import Progress

ZOOMS = (1.0, 0.95)
SHIFTS_PX = (-1.0, -0.5, 0.0, 0.5, 1.0)
MARGIN_PX = 2
# Of planted copies cropped by 5 % all reach 0.93, by 10 % nearly all reach 0.75.
CORRELATION = 0.75
# The best so many of a picture go on.
KEPT = 10
BATCH = 256


def screened(
    found: Sequence[Candidate],
    thumbnails: np.ndarray,
    *,
    progress: Progress | None = None,
) -> list[Candidate]:
    """Return the candidates whose thumbnails match, the best ten of each picture.

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
    scored: dict[int, list[tuple[float, Candidate]]] = defaultdict(list)
    steps = _steps(thumbnails.shape[1])
    keys = list(views)
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        imgs = np.stack([turned(details[i][..., None], t)[..., 0] for i, t in batch])
        for key, moved in zip(batch, _unit(_moved(imgs, steps)), strict=True):
            seconds = views[key]
            best = (moved @ targets[seconds].T).max(axis=0)
            for second, value in zip(seconds, best.tolist(), strict=True):
                if value > CORRELATION:
                    scored[key[0]].append((value, Candidate(key[0], second, key[1])))
        if progress:
            progress("Screening pairs", min(start + BATCH, len(keys)), len(keys))
    kept = []
    for pairs in scored.values():
        pairs.sort(key=lambda pair: -pair[0])
        kept += [candidate for _, candidate in pairs[:KEPT]]
    return kept


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
    """Return each of ``imgs``, (N, S, S), at each zoom and shift, (N, 50, S, S)."""
    across = imgs[:, None, None] @ steps.swapaxes(2, 3)
    both = steps[:, :, None] @ across[:, :, None]
    return both.reshape(len(imgs), -1, *imgs.shape[1:])


def _unit(imgs: np.ndarray) -> np.ndarray:
    """Return what is inside the margin, centred, as unit vectors, (N, M, pixels)."""
    inner = imgs[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    flat = inner.reshape(*imgs.shape[:2], -1)
    flat = flat - flat.mean(axis=-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-6)
