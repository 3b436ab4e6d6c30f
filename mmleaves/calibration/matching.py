"""Recipes of a wanted true difference, found by measuring many."""

from collections.abc import Sequence

import numpy as np

from mmleaves.calibration.draws import Recipe, Size, Source, draw_experiment


def true_gaps(
    source: Source,
    base: Recipe,
    others: Sequence[Recipe],
    *,
    draws: int,
    size: Size,
    seed: int = 1,
) -> np.ndarray:
    """Return how much better the base is than each other recipe, (M,), as shares.

    Heads are trained on K - 1 folds of each draw, and scored on its fresh images; all
    recipes have the same draws.
    """
    only_true = Size(size.images, size.folds, 1, 0, 0, False, size.fresh)
    accuracies = np.array(
        [
            draw_experiment(source, (base, *others), only_true, seed, number).true
            for number in range(draws)
        ]
    )
    means = accuracies.mean(axis=0)
    return means[0] - means[1:]


def match(
    source: Source,
    base: Recipe,
    candidates: Sequence[Recipe],
    gap: float,
    *,
    size: Size,
    draws: int = 400,
) -> Recipe:
    """Return the candidate that is worse than the base by the wanted gap.

    All are measured roughly, and the nearest third again, with all draws.

    Args:
        source: Where images are drawn.
        base: What the others are compared with.
        candidates: Recipes to choose from.
        gap: How much worse the chosen one should be, as a share; 0 for as good.
        size: How large an experiment is.
        draws: How many draws to measure with.
    """
    rough = true_gaps(source, base, candidates, draws=draws // 8, size=size)
    order = np.argsort(np.abs(rough - gap))
    best = [candidates[i] for i in order[: max(3, len(candidates) // 3)]]
    found = true_gaps(source, base, best, draws=draws, size=size)
    return best[int(np.abs(found - gap).argmin())]
