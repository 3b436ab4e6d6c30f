"""Two recipes on the same images: every figure, and no words yet."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import stdtr

from mmleaves.evidence.delong import delong_p
from mmleaves.evidence.design import MIN_IMAGES, Design, TooFewOfAClassError
from mmleaves.evidence.forecast import forecast
from mmleaves.evidence.habit import single_run_habit
from mmleaves.evidence.measured import ClassDifference, Difference, Measured
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.paired_tests import (
    corrected_resampled_p,
    holm,
    mcnemar,
    mcnemar_interval,
    sign_flip_p,
)
from mmleaves.evidence.score_sums import SCORES, available, score_sums
from mmleaves.evidence.two_way import (
    Estimate,
    two_more_images,
    two_way,
    two_way_jackknife,
)


def measure(
    a: tuple[str, Outcomes],
    b: tuple[str, Outcomes],
    design: Design,
    *,
    metric: str,
    margin: float,
    positive: int,
    comparisons: int = 1,
    looks: Callable[[int], int] = lambda repeats: 1,
) -> Measured:
    """Return every figure of a comparison.

    Args:
        a: Name and outcomes of A.
        b: Name and outcomes of B.
        design: The images and runs of both.
        metric: The score that decides, as of `SCORES`.
        margin: What is too small to matter, in points.
        positive: Of two classes, the one that is to be found, 0 or 1.
        comparisons: How many are made at once; what it takes to decide one of them
            grows with it.
        looks: How many looks count once so many repeats are done, as of
            `counted_looks`; what it takes to decide grows with them.

    Raises:
        ValueError: If the score cannot be computed from the outcomes.
    """
    said_a, said_b = a[1], b[1]
    change = said_a.correct.astype(int) - said_b.correct
    sums_a, sums_b = (
        score_sums(metric, said, design, positive=positive) for said in (said_a, said_b)
    )
    runs_a, runs_b = sums_a.by_run(design), sums_b.by_run(design)
    habit = single_run_habit(runs_a, runs_b, design)
    single = design.repeats == 1
    if sums_a.images < MIN_IMAGES:
        raise TooFewOfAClassError(
            f"{SCORES[metric]} is as sure here as with {sums_a.images} images, as some "
            f"class has so few, expected {MIN_IMAGES} or more: fewer decide nothing. "
            "Score more images of that class, or compare by accuracy."
        )
    figures = _decide_by(
        metric,
        said_a,
        said_b,
        design,
        margin,
        positive,
        level=0.05 / comparisons,
        looks=looks,
    )
    others = [
        _other(name, said_a, said_b, design, positive)
        for name in available(said_a, design)
        if name in available(said_b, design) and name != metric
    ]
    strict = runs_a - runs_b
    return Measured(
        a=a[0],
        b=b[0],
        metric=metric,
        **figures,
        p_strict=(
            corrected_resampled_p(strict, design.test_train_ratio)
            if len(strict) > 1 and np.isfinite(strict).all()
            else None
        ),
        p_mid=mcnemar(change[0]).p_mid if single and metric == "accuracy" else None,
        p_sign_flip=sign_flip_p(change) if metric == "accuracy" else None,
        # In cross-validation the scores of a repeat are of several models, on scales
        # of their own, which DeLong's test would pool.
        p_delong=(
            _delong(said_a, said_b, design, positive)
            if metric == "auroc" and design.is_holdout
            else None
        ),
        a_wins=habit.a + habit.tie / 2,
        churn=_churn(said_a, said_b),
        habit=habit,
        others=tuple(one for one in others if one is not None),
        classes=_by_class(change, design),
    )


def estimate_difference(
    metric: str, a: Outcomes, b: Outcomes, design: Design, positive: int
) -> tuple[Estimate, int]:
    """Return the difference of a score, and how many images it rests on at the least.

    The degrees of freedom are no more than those of that many images: of 4 malignant
    ones, sensitivity knows its error by 4 images, however many benign ones there are.

    Raises:
        ValueError: If the score cannot be computed from the outcomes.
    """
    if metric == "accuracy" and design.repeats > 1:
        change = a.correct.astype(float) - b.correct
        estimate, images = two_way(change, design), design.images
    else:
        sums_a, sums_b = (
            score_sums(metric, said, design, positive=positive) for said in (a, b)
        )
        estimate = two_way_jackknife(
            sums_a.sums, sums_b.sums, sums_a.score, design, shared=sums_a.shared
        )
        images = sums_a.images
    return replace(estimate, df=min(estimate.df, images - 1)), images


def guarded(estimate: Estimate, images: int, design: Design) -> Estimate:
    """Return the estimate with an error that few differing images cannot make small.

    It has the variance of `two_more_images` beside its own.
    """
    se = float(np.sqrt(estimate.se**2 + two_more_images(images, design)))
    return Estimate(estimate.value, se, estimate.df)


def equivalence_p(estimate: Estimate, margin: float) -> float:
    """Return the larger p value of two one-sided tests of a gap beyond the margin.

    Args:
        estimate: The difference, with an error as of `guarded`.
        margin: What is too small to matter, as a share.
    """
    room = margin - abs(estimate.value)
    return float(stdtr(estimate.df, -room / estimate.se))


def _decide_by(
    metric: str,
    a: Outcomes,
    b: Outcomes,
    design: Design,
    margin: float,
    positive: int,
    *,
    level: float = 0.05,
    looks: Callable[[int], int] = lambda repeats: 1,
) -> dict:
    """Return what decides: the interval, the p values and the forecast."""
    if metric == "accuracy" and design.repeats == 1:
        change = a.correct[0].astype(int) - b.correct[0]
        wide, narrow = (mcnemar_interval(change, level) for level in (0.95, 0.9))
        test, value = "exact McNemar test", float(change.mean())
        p, p_equivalence, se, df, ahead = mcnemar(change).p, None, None, None, None
    else:
        estimate, images = estimate_difference(metric, a, b, design, positive)
        safe = guarded(estimate, images, design)
        test = "t test with images and runs as clusters"
        if design.repeats == 1:
            test = "t test over images (jackknife)"
        value, se, df = estimate.value, estimate.se, estimate.df
        # Where all images say the same, the error seen is 0, and proves little.
        sure = estimate if se > 0 else safe
        p, wide, narrow = sure.p, sure.interval(0.95), safe.interval(0.9)
        p_equivalence = ahead = None
        if design.repeats > 1:
            p_equivalence = equivalence_p(safe, margin / 100)
            change = a.correct.astype(float) - b.correct
            if metric == "accuracy":
                ahead = forecast(
                    change, estimate, design, margin / 100, level=level, looks=looks
                )
    # No difference of two scores is larger than that.
    ends = np.clip([*wide, *narrow], -1, 1)
    low, high, low_90, high_90 = (float(100 * end) for end in ends)
    return {
        "test": test,
        "points": 100 * value,
        "low": low,
        "high": high,
        "low_90": low_90,
        "high_90": high_90,
        "se": None if se is None else 100 * se,
        "df": df,
        "p": p,
        "p_equivalence": p_equivalence,
        "forecast": ahead,
    }


def _other(
    name: str, a: Outcomes, b: Outcomes, design: Design, positive: int
) -> Difference | None:
    """Return the difference of a score that does not decide, or None without one."""
    try:
        figures = _decide_by(name, a, b, design, 1.0, positive)
    except TooFewOfAClassError:
        return None
    return Difference(name, *(figures[key] for key in ("points", "low", "high", "p")))


def _by_class(change: np.ndarray, design: Design) -> tuple[ClassDifference, ...]:
    """Return the difference by class, of the classes with two images or more.

    Test and interval are from the guarded error: of two images that A alone has right
    the error that was seen is 0.
    """
    found = []
    for label, name in enumerate(design.classes):
        here = design.labels == label
        if here.sum() < 2:
            continue
        per_image = change[:, here].mean(axis=0)
        value, count = float(per_image.mean()), len(per_image)
        spread = per_image.var(ddof=1) / count * (1 + design.test_train_ratio)
        seen = Estimate(value, float(np.sqrt(spread)), count - 1)
        estimate = guarded(seen, count, design)
        # No difference of two shares is larger than that.
        low, high = np.clip(estimate.interval(0.95), -1, 1)
        found.append((name, count, value, low, high, estimate.p))
    adjusted = holm(np.array([row[-1] for row in found]))
    return tuple(
        ClassDifference(
            name, n, 100 * value, 100 * float(low), 100 * float(high), float(p)
        )
        for (name, n, value, low, high, _), p in zip(found, adjusted, strict=True)
    )


def _delong(
    a: Outcomes, b: Outcomes, design: Design, positive: int
) -> tuple[float, ...]:
    kind = design.labels == positive
    scores = (said.probs[..., positive] for said in (a, b))
    return tuple(delong_p(*pair, kind) for pair in zip(*scores, strict=True))


def _churn(a: Outcomes, b: Outcomes) -> float:
    if a.predicted is None or b.predicted is None:
        return float(np.mean(a.correct != b.correct))
    return float(np.mean(a.predicted != b.predicted))
