"""What a single run of each recipe would have said."""

from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.design import Design


@dataclass(frozen=True)
class Habit:
    """Which recipe is named if the higher score of one run each decides.

    Args:
        a: Share of the pairs of runs in which A scores higher, 0 to 1.
        b: The same of B.
        tie: Share of the pairs in which both score the same.
        pairs: Number of pairs of runs.
        images: Images that a run is scored on, rounded.
    """

    a: float
    b: float
    tie: float
    pairs: int
    images: int


def single_run_habit(
    scores_a: np.ndarray, scores_b: np.ndarray, design: Design
) -> Habit:
    """Return how often either recipe wins when one run of each is compared.

    In cross-validation the pairs are the runs on the same fold; on a hold-out every
    run of A meets every run of B, as a seed of A has nothing in common with one of B.

    Args:
        scores_a: Score of each run of A, (G,).
        scores_b: Score of each run of B, (G,).
        design: Which images and runs these are.
    """
    others = scores_b[:, None] if design.is_holdout else scores_b
    change = (scores_a - others).ravel()
    # A run that lacks a class has no score, and no say.
    change = change[np.isfinite(change)]
    # Scores that differ by rounding alone are equal.
    close = np.isclose(change, 0, atol=1e-12)
    count = max(1, len(change))
    return Habit(
        a=float(np.sum((change > 0) & ~close)) / count,
        b=float(np.sum((change < 0) & ~close)) / count,
        tie=float(np.sum(close)) / count,
        pairs=len(change),
        images=round(design.images / design.runs_per_repeat),
    )
