"""The figures of a comparison of two recipes."""

from dataclasses import dataclass

from mmleaves.evidence.forecast import Forecast
from mmleaves.evidence.habit import Habit


@dataclass(frozen=True)
class Difference:
    """A score of A less that of B, in points (hundredths of the score's range).

    Args:
        metric: Which score, as of `SCORES`.
        points: The difference, -100 to 100.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Two-sided p value of no difference.
    """

    metric: str
    points: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class ClassDifference:
    """How often images of a class are right by A, less by B: exploratory.

    Args:
        name: The class.
        images: How many there are.
        points: Difference of the recalls, -100 to 100.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Two-sided p value, adjusted by Holm's method for the number of classes.
    """

    name: str
    images: int
    points: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Measured:
    """All figures of a comparison; differences are A less B, in points.

    Args:
        a: Name of A.
        b: Name of B.
        metric: The score that decides, as of `SCORES`.
        test: The test that decides.
        points: The difference, -100 to 100.
        low: Lower end of its 95 % interval.
        high: Upper end.
        low_90: Lower end of the 90 % interval that the margin is held against.
        high_90: Upper end.
        se: Standard error in points, or None for McNemar's test, which has none.
        df: Degrees of freedom, or None.
        p: Two-sided p value of no difference.
        p_equivalence: p value of a difference beyond the margin (two one-sided tests),
            or None for a single repeat.
        p_strict: Corrected resampled t test over the runs; never decides.
        p_mid: McNemar's mid-p, for a single repeat; never decides.
        p_sign_flip: Sign-flip test over images, for accuracy; never decides.
        p_delong: DeLong's test of each run on a hold-out, for AUROC; never decides.
            None in cross-validation, where the scores of a repeat are of several
            models.
        a_wins: Share of the pairs of runs that A wins, ties counting half.
        churn: Share of predictions, 0 to 1, in which A and B differ; where only right
            or wrong is known, in which one of them is right.
        habit: What single runs would have said.
        forecast: What would decide it, or None where that cannot be told.
        others: Differences of the other scores; never decide.
        classes: Differences by class; never decide.
    """

    a: str
    b: str
    metric: str
    test: str
    points: float
    low: float
    high: float
    low_90: float
    high_90: float
    se: float | None
    df: float | None
    p: float
    p_equivalence: float | None
    p_strict: float | None
    p_mid: float | None
    p_sign_flip: float | None
    p_delong: tuple[float, ...] | None
    a_wins: float
    churn: float
    habit: Habit
    forecast: Forecast | None
    others: tuple[Difference, ...]
    classes: tuple[ClassDifference, ...]
