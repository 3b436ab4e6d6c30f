"""The scores of one recipe."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.design import Design, TooFewOfAClassError
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.paired_tests import wilson_interval
from mmleaves.evidence.score_sums import available, score_sums


@dataclass(frozen=True)
class RecipeScores:
    """The scores of one recipe, in percent.

    Args:
        name: What it is called.
        scores: By metric, 0 to 100, as of `SCORES`; without those that need more images
            of some class than there are.
        low: Lower end of Wilson's 95 % interval of the accuracy, for as many images.
        high: Upper end.
        repeat_sd: Standard deviation of the accuracy over repeats, each with a new
            split and seed; on a hold-out, over seeds. None for a single repeat.
        fold_sd: Standard deviation of the accuracy over the folds of a repeat: what
            another split of the images does to one run. None on a hold-out.
        flips: Share of images, 0 to 1, that are right in one repeat and wrong in
            another, mean over pairs of repeats. None for a single repeat.
    """

    name: str
    scores: dict[str, float]
    low: float
    high: float
    repeat_sd: float | None
    fold_sd: float | None
    flips: float | None


def recipe_scores(
    name: str, said: Outcomes, design: Design, positive: int
) -> RecipeScores:
    """Return every score that can be computed from the outcomes, and their spread."""
    right = said.accuracy * design.images
    low, high = wilson_interval(right, design.images)
    scores = {}
    for metric in available(said, design):
        with suppress(TooFewOfAClassError):
            value = score_sums(metric, said, design, positive=positive).value
            scores |= {metric: 100 * value} if np.isfinite(value) else {}
    repeat_sd = fold_sd = flips = None
    if design.repeats > 1:
        repeat_sd = 100 * float(said.correct.mean(axis=1).std(ddof=1))
        # Of two repeats drawn at random one is right and the other wrong.
        share = said.correct.mean(axis=0)
        often = 2 * share * (1 - share) * design.repeats / (design.repeats - 1)
        flips = float(often.mean())
    if not design.is_holdout:
        sums = score_sums("accuracy", said, design)
        by_fold = sums.by_run(design).reshape(design.repeats, -1)
        fold_sd = 100 * float(np.sqrt(by_fold.var(axis=1, ddof=1).mean()))
    return RecipeScores(name, scores, 100 * low, 100 * high, repeat_sd, fold_sd, flips)
