"""Scores as functions of sums over images, which a jackknife can leave out in turn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.design import Design
from mmleaves.evidence.ordered_pairs import ordered_pairs
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.thresholds import said_positive

# In the order of tables; the last three are for two classes.
SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}
BINARY = ("auroc", "sensitivity", "specificity")


@dataclass(frozen=True, eq=False)
class ScoreSums:
    """What each image adds to the sums that a score is computed from.

    Args:
        sums: For each image in each repeat, (R, n, k).
        score: The score, 0 to 1, (...), from sums, (..., k).
        shared: How many images add each thing that is counted: 1, or 2 for pairs.
        images: How many images the score rests on at the least: where one class has
            few, it is as sure as with so many images in all.
    """

    sums: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]
    images: int
    shared: int = 1

    @property
    def value(self) -> float:
        """The score over all images and repeats."""
        return float(self.score(self.sums.sum(axis=(0, 1)) / self.shared))

    def by_run(self, design: Design) -> np.ndarray:
        """Return the score of each run, (G,); nan where a run has not enough."""
        return self.score(design.by_run(self.sums) / self.shared)


def available(outcomes: Outcomes, design: Design) -> list[str]:
    """Return the scores that can be computed from these outcomes, as of `SCORES`."""
    names = ["accuracy", "balanced_accuracy"]
    names += ["macro_f1"] if outcomes.predicted is not None else []
    binary = len(design.classes) == 2
    return names + (list(BINARY) if binary and outcomes.probs is not None else [])


def score_sums(
    name: str, outcomes: Outcomes, design: Design, *, positive: int = 1
) -> ScoreSums:
    """Return what the score of this name is computed from.

    Repeats and folds are summed before a ratio is taken, but for AUROC, which counts
    the pairs of a positive and a negative image that one and the same run scored.

    Args:
        name: One of `SCORES`.
        outcomes: What the recipe said.
        design: Which images and runs these are.
        positive: Of two classes, the one that is to be found, 0 or 1.

    Raises:
        ValueError: If the outcomes are not enough for it.

    References:
        Forman and Scholz, Apples-to-apples in cross-validation studies, SIGKDD
        Explorations 12:49, 2010 (F1 from sums over folds, AUROC within folds).
    """
    check_available(name, outcomes, design)
    labels, correct = design.labels, outcomes.correct
    if name == "accuracy":
        sums = np.stack([correct, np.ones_like(correct)], axis=-1).astype(float)
        return ScoreSums(sums, _ratio, design.images)
    if name in ("balanced_accuracy", "macro_f1"):
        present, counts = np.unique(labels, return_counts=True)
        is_class = labels[:, None] == present
        right = is_class & correct[..., None]
        parts = [right, np.broadcast_to(is_class, right.shape)]
        score = _mean_recall
        if name == "macro_f1":
            parts.append(outcomes.predicted[..., None] == present)
            score = _mean_f1
        sums = np.concatenate(parts, axis=-1).astype(float)
        return ScoreSums(sums, score, int(len(present) * counts.min()))
    scores, is_positive = outcomes.probs[..., positive], labels == positive
    if name == "auroc":
        least = min(is_positive.sum(), (~is_positive).sum())
        sums = _pair_sums(scores, is_positive, design)
        return ScoreSums(sums, _ratio, int(2 * least), shared=2)
    said = said_positive(scores, is_positive, design)
    kind = is_positive if name == "sensitivity" else ~is_positive
    right = (said == is_positive) & kind
    sums = np.stack([right, np.broadcast_to(kind, right.shape)], axis=-1)
    return ScoreSums(sums.astype(float), _ratio, int(kind.sum()))


def check_available(name: str, outcomes: Outcomes, design: Design) -> None:
    """Refuse a score that there is not, or that the outcomes are not enough for.

    Raises:
        ValueError: Says which there are, or what it needs.
    """
    if name not in SCORES:
        raise ValueError(
            f"there is no metric {name!r}, expected one of {', '.join(SCORES)}."
        )
    if name not in available(outcomes, design):
        needs = "predicted classes or probabilities, not only right or wrong"
        if name in BINARY:
            needs = f"probabilities of two classes; there are {len(design.classes)}"
            needs += "" if outcomes.probs is not None else ", without probabilities"
        raise ValueError(
            f"the metric {name!r} cannot be computed from these outcomes: it needs "
            f"{needs}. Give them, or compare by accuracy."
        )


def _ratio(sums: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., 0] / sums[..., 1]


def _mean_recall(sums: np.ndarray) -> np.ndarray:
    right, of_class = np.split(sums, 2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (right / of_class).mean(axis=-1)


def _mean_f1(sums: np.ndarray) -> np.ndarray:
    right, of_class, said = np.split(sums, 3, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (2 * right / (of_class + said)).mean(axis=-1)


def _pair_sums(scores: np.ndarray, positive: np.ndarray, design: Design) -> np.ndarray:
    """Return the pairs of each image that are in order, and all of them, (R, n, 2)."""
    sums = np.zeros((*scores.shape, 2))
    for repeat in range(design.repeats):
        runs = design.runs[repeat]
        for run in np.unique(runs):
            here = np.flatnonzero(runs == run)
            kind = positive[here]
            sums[repeat, here, 0] = ordered_pairs(scores[repeat, here], kind)
            sums[repeat, here, 1] = np.where(kind, (~kind).sum(), kind.sum())
    return sums
