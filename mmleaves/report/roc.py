"""ROC curves with a band."""

from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.score_sums import score_sums

GRID = np.linspace(0, 1, 101)
DRAWS = 500


@dataclass(frozen=True, eq=False)
class Roc:
    """The ROC curve of one recipe and one class against the rest.

    Args:
        positive: Name of the class that is to be found.
        rates: Share of the others that are called so too, (101,), from 0 to 1.
        found: Share of its images that are found at these rates, (101,), 0 to 1.
        low: Lower end of the 95 % band, (101,).
        high: Upper end.
        auroc: Area within runs, percent, as `mmleaves compare` has it.
        auroc_low: Lower end of its 95 % interval, of the same draws as the band.
        auroc_high: Upper end.
    """

    positive: str
    rates: np.ndarray
    found: np.ndarray
    low: np.ndarray
    high: np.ndarray
    auroc: float
    auroc_low: float
    auroc_high: float


def roc(said: Outcomes, design: Design, positive: int, *, seed: int = 0) -> Roc:
    """Return the curve of one class against the rest, averaged over the runs.

    The curve of each run is drawn from the scores of that run alone, since those of two
    models are on scales of their own, and the curves are averaged vertically. The band
    is for other images: images are drawn with replacement within their class, 500
    times, each with all its runs, and at every rate the middle 95 % are kept.

    Args:
        said: Outcomes of a recipe, with probabilities.
        design: Which images and runs these are.
        positive: Number of the class that is to be found.
        seed: Seed of the draws.

    Raises:
        ValueError: If no image is of this class, or all are.

    References:
        Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27:861,
        2006 (vertical averaging).
    """
    is_positive = design.labels == positive
    name = design.classes[positive]
    if not 0 < is_positive.sum() < len(is_positive):
        raise ValueError(
            f"the class {name!r} has {is_positive.sum()} of the {len(is_positive)} "
            "scored images, expected some and not all: there is no ROC curve of it."
        )
    scores = said.probs[..., positive]
    weights = _draws(is_positive, seed)
    curves, areas, pairs = [], [], []
    for run in range(design.run_count):
        repeat, images = np.nonzero(design.runs == run)
        here = is_positive[images]
        drawn = weights[:, images]
        curve, area, counted = _curves(scores[repeat, images], here, drawn)
        curves.append(curve)
        areas.append(area)
        pairs.append(counted)
    # A run without images of both kinds has no curve, and no say.
    sums = np.nansum(np.array(pairs), axis=0)
    area = np.nansum(np.array(areas) * np.array(pairs), axis=0) / sums
    runs = np.array(curves)
    there = ~np.isnan(runs[..., :1])
    mean = np.where(there, runs, 0).sum(axis=0) / there.sum(axis=0)
    low, high = np.nanpercentile(mean[1:], (2.5, 97.5), axis=0)
    return Roc(
        positive=name,
        rates=GRID,
        found=mean[0],
        low=np.minimum(low, mean[0]),
        high=np.maximum(high, mean[0]),
        auroc=100 * area_within_runs(said, design, positive),
        auroc_low=100 * float(np.nanpercentile(area[1:], 2.5)),
        auroc_high=100 * float(np.nanpercentile(area[1:], 97.5)),
    )


def area_within_runs(said: Outcomes, design: Design, positive: int) -> float:
    """Return the AUROC of one class against the rest, 0 to 1, as compare has it."""
    score = said.probs[..., positive]
    two = Outcomes(said.correct, None, np.stack([1 - score, score], axis=-1))
    binary = Design(
        (design.labels == positive).astype(int),
        ("others", design.classes[positive]),
        design.repeats,
        design.folds,
        design.train_images,
    )
    return score_sums("auroc", two, binary, positive=1).value


def _draws(is_positive: np.ndarray, seed: int) -> np.ndarray:
    """Return how often each image is drawn, (1 + draws, n); first all of them once."""
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + DRAWS, len(is_positive)))
    for kind in (is_positive, ~is_positive):
        count = int(kind.sum())
        weights[1:, kind] = rng.multinomial(count, np.full(count, 1 / count), DRAWS)
    return weights


def _curves(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the curve on the grid, (draws, 101), its area and its pairs, (draws,).

    Args:
        scores: Score of each image of a run, (m,).
        positive: Whether it is to be found, (m,), bool.
        weights: How often it was drawn, (draws, m).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    sums = [
        np.cumsum(weights[:, order] * kind[order], axis=1)[:, ends]
        for kind in (positive, ~positive)
    ]
    zero = np.zeros((len(weights), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found, called = (
            np.concatenate([zero, part / part[:, -1:]], axis=1) for part in sums
        )
    heights = (found[:, 1:] + found[:, :-1]) / 2
    area = (np.diff(called, axis=1) * heights).sum(axis=1)
    # Of several points at one rate np.interp takes the last, which is the highest.
    pairs = zip(called, found, strict=True)
    curve = np.array([np.interp(GRID, x, y) for x, y in pairs])
    lacks = ~np.isfinite(area)
    curve[lacks], area[lacks] = np.nan, np.nan
    return curve, area, sums[0][:, -1] * sums[1][:, -1]
