"""How well each class is told, and what it is taken for."""

from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.paired_tests import wilson_interval


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class by one recipe, in percent.

    Args:
        name: The class.
        images: How many scored images are of it.
        recall: How many of them are right, mean over repeats; None without images.
        low: Lower end of Wilson's 95 % interval of the recall, for as many images.
        high: Upper end.
        precision: How many of the predictions of this class are right, over all
            repeats; None if there are none, or nobody knows the predictions.
        said: How many images are called so, mean over repeats; None if nobody knows.
    """

    name: str
    images: int
    recall: float | None
    low: float | None
    high: float | None
    precision: float | None
    said: float | None


def class_scores(said: Outcomes, design: Design) -> list[ClassScores]:
    """Return the scores of each class, in label order."""
    found = []
    for label, name in enumerate(design.classes):
        here = design.labels == label
        count = int(here.sum())
        recall = low = high = precision = called = None
        if count:
            share = float(said.correct[:, here].mean())
            low, high = wilson_interval(share * count, count)
            recall, low, high = 100 * share, 100 * low, 100 * high
        if said.predicted is not None:
            calls = said.predicted == label
            called = float(calls.sum()) / design.repeats
            if calls.any():
                precision = 100 * float(said.correct[calls].mean())
        found.append(ClassScores(name, count, recall, low, high, precision, called))
    return found


def confusion(said: Outcomes, design: Design) -> np.ndarray | None:
    """Return how many images of each class are called what, (C, C).

    Returns:
        Rows are true classes, columns what was said; mean over repeats, so that all of
        it sums to the number of images. None if nobody knows the predictions.
    """
    if said.predicted is None:
        return None
    size = len(design.classes)
    pairs = design.labels * size + said.predicted
    counts = np.bincount(pairs.ravel(), minlength=size * size)
    return counts.reshape(size, size) / design.repeats


def top_confusions(counts: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Return the most frequent pairs of true class and wrong one, the worst first.

    Args:
        counts: As of `confusion`, (C, C).
        most: How many pairs at most.
    """
    wrong = counts * (1 - np.eye(len(counts)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(i), len(counts)) for i in order]
    return [pair for pair in pairs if wrong[pair] > 0]
