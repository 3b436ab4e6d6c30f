"""Images that are always wrong, and those that flip with the seed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmleaves.report.scored import Scored


@dataclass(frozen=True)
class Stability:
    """How many images a recipe has right in how many repeats.

    Args:
        right: Images that are right in every repeat.
        flips: Images that are right in some repeats and wrong in others.
        wrong: Images that are wrong in every repeat.
    """

    right: int
    flips: int
    wrong: int


@dataclass(frozen=True)
class HardImage:
    """An image that is not right in every run.

    Args:
        index: Which image, from 0.
        name: Its name or path.
        truth: Its true class.
        right: In how many repeats each recipe has it right, by the recipe's name.
        said: How often it was called what, over recipes and repeats, the most frequent
            first; empty if nobody knows.
    """

    index: int
    name: str
    truth: str
    right: Mapping[str, int]
    said: tuple[tuple[str, int], ...]


def stability(scored: Scored) -> dict[str, Stability]:
    """Return what stays and what flips from repeat to repeat, by recipe."""
    found = {}
    for name, said in scored.said.items():
        often = said.correct.sum(axis=0)
        right = int((often == scored.design.repeats).sum())
        wrong = int((often == 0).sum())
        found[name] = Stability(right, scored.design.images - right - wrong, wrong)
    return found


def always_wrong(scored: Scored) -> list[HardImage]:
    """Return the images that no recipe has right in any repeat, the clearest first."""
    correct = np.stack([said.correct for said in scored.said.values()])
    wrong = np.flatnonzero(~correct.any(axis=(0, 1)))
    if scored.has_probs:
        # The less was left to the true class, the clearer the mistake.
        labels = scored.design.labels[wrong]
        left = [said.probs[:, wrong, labels] for said in scored.said.values()]
        wrong = wrong[np.argsort(np.mean(left, axis=(0, 1)), kind="stable")]
    return [_hard(scored, int(i)) for i in wrong]


def flipping(scored: Scored) -> list[HardImage]:
    """Return the images that some recipe has right in some repeats, the evenest first.

    An image counts whose outcome depends on split and seed, within one recipe.
    """
    often = np.stack([said.correct.sum(axis=0) for said in scored.said.values()])
    uneven = np.minimum(often, scored.design.repeats - often).sum(axis=0)
    order = np.argsort(-uneven, kind="stable")
    return [_hard(scored, int(i)) for i in order if uneven[i] > 0]


def _hard(scored: Scored, i: int) -> HardImage:
    classes, calls = scored.design.classes, Counter()
    for said in scored.said.values():
        if said.predicted is not None:
            calls.update(classes[label] for label in said.predicted[:, i].tolist())
    return HardImage(
        index=i,
        name=scored.gathered.images[i],
        truth=classes[scored.design.labels[i]],
        right={
            name: int(said.correct[:, i].sum()) for name, said in scored.said.items()
        },
        said=tuple(calls.most_common()),
    )
