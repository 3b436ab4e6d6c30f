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
    recipes = (base, *others)
    means = _true_accuracies(source, recipes, size, seed, draws).mean(axis=0)
    return means[0] - means[1:]


def check_gap(
    source: Source,
    base: Recipe,
    other: Recipe,
    gap: float,
    *,
    within: float,
    size: Size,
    draws: int,
) -> tuple[float, float]:
    """Return the true gap and its error, 1.96 of the standard errors, as shares.

    It is measured with draws that the choice of ``other`` was not made by.

    Raises:
        ValueError: If it is farther from the wanted one than it may be, beyond chance.
    """
    found = np.subtract(*_true_accuracies(source, (base, other), size, 2, draws).T)
    mean, error = float(found.mean()), 1.96 * float(found.std() / np.sqrt(draws))
    if abs(mean - gap) - error > within:
        raise ValueError(
            f"{other}: found {100 * mean:.2f} ± {100 * error:.2f} points between it "
            f"and {base}, expected {100 * gap:g} within {100 * within:g}. Give "
            "features of more images."
        )
    return mean, error


def most_accurate(
    source: Source, candidates: Sequence[Recipe], *, size: Size, draws: int
) -> Recipe:
    """Return the candidate that has most fresh images right, in the mean of draws."""
    base, *others = candidates
    gaps = true_gaps(source, base, others, draws=draws, size=size)
    return candidates[int(np.argmin([0, *gaps]))]


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

    All are measured roughly, and the nearest three again, with all draws.

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
    best = [candidates[i] for i in order[:3]]
    found = true_gaps(source, base, best, draws=draws, size=size)
    return best[int(np.abs(found - gap).argmin())]


def _true_accuracies(
    source: Source, recipes: Sequence[Recipe], size: Size, seed: int, draws: int
) -> np.ndarray:
    """Return each recipe's accuracy on the fresh images of each draw, (draws, M)."""
    only_true = Size(size.images, size.folds, 1, 0, 0, False, size.fresh)
    return np.array(
        [
            draw_experiment(source, recipes, only_true, seed, number).true
            for number in range(draws)
        ]
    )
