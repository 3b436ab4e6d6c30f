"""A difference with an error that counts images and runs both as drawn by chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from mmleaves.evidence.design import Design, TooFewOfAClassError

# Errors of shares below this are what rounding leaves of 0.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A difference with its standard error.

    Args:
        value: The difference, as a share, -1 to 1.
        se: Its standard error, widened for training sets that overlap.
        df: Degrees of freedom of the t distribution.
    """

    value: float
    se: float
    df: float

    @property
    def p(self) -> float:
        """Two-sided p value of no difference."""
        if self.se == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stdtr(self.df, -abs(self.value) / self.se))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval that covers the true difference with this probability."""
        half = float(stdtrit(self.df, (1 + level) / 2)) * self.se
        return self.value - half, self.value + half


def two_way(differences: np.ndarray, design: Design) -> Estimate:
    """Return the mean difference, with images and runs both as clusters.

    The variance of the mean over R x n cells is that between images plus that between
    runs less that between cells, which both hold, and never below that between images:
    a run that happens to vary little is no reason for more trust. In cross-validation
    the runs share most of their training images; the error is widened by
    sqrt(1 + test images / training images) for it.

    Args:
        differences: Of each image in each repeat, (R, n).
        design: Which run each cell belongs to.

    Raises:
        ValueError: If there is a single repeat, which tells nothing of other runs.

    References:
        Cameron, Gelbach and Miller, Robust inference with multiway clustering, Journal
        of Business and Economic Statistics 29:238, 2011. Nadeau and Bengio, Inference
        for the generalization error, Machine Learning 52:239, 2003 (the widening).
    """
    value = float(differences.mean())
    rest = differences - value
    cells = differences.size
    parts = (rest.sum(axis=0), design.by_run(rest), rest)
    variances = [np.sum(p**2) * (p.size / (p.size - 1)) / cells**2 for p in parts]
    return _estimate(value, variances, design)


def two_way_jackknife(
    sums_a: np.ndarray,
    sums_b: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    design: Design,
    *,
    shared: int = 1,
) -> Estimate:
    """Return the difference of a score that is a function of sums, as `two_way` does.

    The variances are those of a jackknife that leaves out each image, each run, and
    each cell in turn. With a single repeat only images are left out.

    Args:
        sums_a: What each image adds to the sums in each repeat, (R, n, k), for A.
        sums_b: The same for B.
        score: Scores, (...), from sums, (..., k).
        design: Which run each cell belongs to.
        shared: How many images of a run share each thing that is counted: 1, or 2 for
            pairs, which both of their images add.

    Raises:
        TooFewOfAClassError: If the score cannot be computed without some image or run.

    References:
        MacKinnon, Nielsen and Webb, Jackknife inference with two-way clustering,
        arXiv 2406.08880, 2024.
    """
    a, b = (_left_out(sums, score, design, shared) for sums in (sums_a, sums_b))
    value = float(a[0] - b[0])
    variances = []
    for left_out_a, left_out_b in zip(a[1:], b[1:], strict=True):
        change = left_out_a - left_out_b - value
        if not np.isfinite(change).all():
            raise TooFewOfAClassError(
                "the score cannot be computed without some image or run: a class has "
                "too few images. Expected 2 or more of each class, spread over the "
                "runs. Take such classes out, or compare by accuracy."
            )
        variances.append(np.sum(change**2) * (change.size - 1) / change.size)
    return _estimate(value, variances, design)


def two_more_images(images: int, design: Design) -> float:
    """Return the variance that two images more would have, which the recipes share.

    One that A alone has right and one that B alone has, in every repeat. Where A and B
    agree on all of 33 images, the gap may still be some points: the error of what was
    seen is 0, this one is not.

    References:
        Agresti and Min, Simple improved confidence intervals for comparing matched
        proportions, Statistics in Medicine 24:729, 2005.
    """
    return 2 / (images + 2) ** 2 * (1 + design.test_train_ratio)


def _left_out(
    sums: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    design: Design,
    shared: int,
) -> list[np.ndarray]:
    total = sums.sum(axis=(0, 1)) / shared
    images = score(total - sums.sum(axis=0))
    if design.repeats == 1:
        return [score(total), images]
    runs = score(total - design.by_run(sums) / shared)
    return [score(total), images, runs, score(total - sums)]


def _estimate(value: float, variances: list[float], design: Design) -> Estimate:
    widening = 1 + design.test_train_ratio
    images, *others = variances
    runs = max(others[0] - others[1], 0.0) if others else 0.0
    se = float(np.sqrt((images + runs) * widening))
    se = se if se > _ROUNDING else 0.0
    if not others:
        return Estimate(value, se, design.images - 1)
    if not design.is_holdout:
        return Estimate(value, se, design.run_count - 1)
    # Satterthwaite: n - 1 as long as the images make up the error, and R - 1 where the
    # images are so many that the seeds do.
    df = design.images - 1
    if runs > 0:
        parts = images**2 / df + runs**2 / (design.repeats - 1)
        df = (images + runs) ** 2 / parts
    return Estimate(value, se, df)
