"""Scores of linear classifiers in validation, and which of them is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmleaves.optim.linear_heads import HeadSettings


@dataclass(frozen=True)
class Score:
    """How well one classifier does on the validation part.

    Args:
        settings: What it was trained with.
        accuracy: Share of the images that it gets right, percent.
        loss: Mean cross-entropy.
    """

    settings: HeadSettings
    accuracy: float
    loss: float


def choose(scores: Sequence[Score]) -> int:
    """Return which classifier to keep: that of the first seed of the best settings.

    Settings are compared by the mean accuracy of their seeds, then by their mean loss:
    the luckiest of many seeds would promise too much.
    """
    means: dict[tuple, tuple[float, float]] = {}
    for key in map(_without_seed, scores):
        own = [score for score in scores if _without_seed(score) == key]
        accuracy = sum(score.accuracy for score in own) / len(own)
        means[key] = accuracy, -sum(score.loss for score in own) / len(own)
    best = max(means, key=lambda key: means[key])
    return next(i for i, score in enumerate(scores) if _without_seed(score) == best)


def _without_seed(score: Score) -> tuple:
    s = score.settings
    return s.rate, s.weight_decay, s.class_weights
