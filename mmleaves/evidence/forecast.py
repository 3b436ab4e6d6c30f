"""What it would take to decide what is undecided: more repeats, or more images."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from mmleaves.evidence.design import Design
from mmleaves.evidence.two_way import Estimate, two_more_images

# More repeats than this nobody runs; a forecast that far out would say nothing.
MOST_REPEATS = 50
# Nor does anybody label so many more images.
_MOST_IMAGES = 10**9
# From so many repeats on, the part of the variance that repeats do not lower is known
# well enough to say that no number of them would do.
REPEATS_TO_KNOW = 3


@dataclass(frozen=True)
class Forecast:
    """What would decide, if the difference is as large as it was seen to be.

    Args:
        repeats: How many more repeats, or None if no number up to 50 would do.
        images_limit: Whether no number of repeats would do even if the difference is
            as large as its upper 80 % bound: the images are too few.
        images: How many more images for a difference as large as it was seen to be, or
            as the margin, to be seen in 80 % of experiments with as many repeats.
        smallest_gap: The difference that would be seen in 80 % of experiments with
            these images and any number of repeats, as a share.
    """

    repeats: int | None
    images_limit: bool
    images: int
    smallest_gap: float


def forecast(
    differences: np.ndarray,
    estimate: Estimate,
    design: Design,
    margin: float,
    *,
    level: float = 0.05,
    looks: Callable[[int], int] = lambda repeats: 1,
) -> Forecast | None:
    """Return what would decide, or None for a single repeat, which cannot tell.

    The variance between images has a part that stays with an image and one that every
    repeat draws anew; only the latter, and that between runs, shrinks with repeats.

    Args:
        differences: Of each image in each repeat, (R, n).
        estimate: Their mean and its error, as of `two_way`.
        design: Which images and runs these are.
        margin: What is too small to matter, as a share.
        level: p value to be reached; less of several comparisons.
        looks: By how many looks it is divided once so many repeats are done.
    """
    if design.repeats == 1 or estimate.se == 0:
        return None
    repeats, n = differences.shape
    widening = 1 + design.test_train_ratio
    anew = differences.var(axis=0, ddof=1).mean()
    between = differences.mean(axis=0).var(ddof=1)
    stays = max(between - anew / repeats, 0.0) / n
    # What the runs add to the variance between images.
    run_part = max(estimate.se**2 / widening - between / n, 0.0) * repeats
    each = anew / n + run_part

    def error(count: float) -> float:
        return float(np.sqrt((stays + each / count) * widening))

    def decided(size: float, count: int) -> bool:
        df, p = _df(design, count), level / looks(count)
        differs = size > stdtrit(df, 1 - p / 2) * error(count)
        # As the verdict is, see `guarded`.
        safe = float(np.hypot(error(count), np.sqrt(two_more_images(n, design))))
        return differs or size + stdtrit(df, 1 - p) * safe < margin

    def seen_with(images: int) -> bool:
        variance = error(repeats) ** 2 * n / images
        if size < margin:
            variance += two_more_images(images, design)
        return seen * np.sqrt(variance) <= max(size, margin)

    size, df = abs(estimate.value), _df(design, 10**6)
    more = (m for m in range(1, MOST_REPEATS + 1) if decided(size, repeats + m))
    largest = size + float(stdtrit(estimate.df, 0.8)) * estimate.se
    never = stdtrit(df, 1 - level / 2) * error(np.inf)
    limit = repeats >= REPEATS_TO_KNOW and largest < never
    seen = float(stdtrit(df, 1 - level / 2) + stdtrit(df, 0.8))
    every = range(n, _MOST_IMAGES)
    return Forecast(
        repeats=next(more, None),
        images_limit=bool(limit and not decided(size, 10**6)),
        images=bisect_left(every, True, key=seen_with),
        smallest_gap=seen * error(np.inf),
    )


def _df(design: Design, repeats: int) -> int:
    if design.is_holdout:
        return design.images - 1
    return min(repeats * design.runs_per_repeat, design.images) - 1
