"""What is told of outcomes beside the verdict: copies, and ties between classes."""

import itertools
from collections import Counter
from collections.abc import Container, Mapping

import numpy as np

from mmleaves.evidence.design import Design, numbered_by_first_image
from mmleaves.evidence.outcomes import Outcomes


def outcome_notes(
    said: Mapping[str, Outcomes], design: Design, named: Container[str]
) -> list[str]:
    """Return which repeats look like copies, and how many predictions are ties.

    Args:
        said: Outcomes of each recipe by its name.
        design: Which images and runs these are.
        named: Recipes whose predicted classes stood beside their probabilities.
    """
    unnamed = {
        name: one.probs
        for name, one in said.items()
        if one.probs is not None and name not in named
    }
    ties = (tie_notes(probs, name) for name, probs in unnamed.items())
    return [*_copy_notes(said, design), *itertools.chain.from_iterable(ties)]


def tie_notes(probs: np.ndarray, name: str) -> list[str]:
    """Return how many predictions `most_probable` took by name, in plain words."""
    ties = (probs == probs.max(axis=-1, keepdims=True)).sum(axis=-1) > 1
    if not ties.any():
        return []
    return [
        f"{100 * ties.mean():.3g} % of {name}'s predictions are ties between classes; "
        "they count for the first by name."
    ]


def _copy_notes(said: Mapping[str, Outcomes], design: Design) -> list[str]:
    """Return how many repeats of a recipe say the same of every image, in plain words.

    Methods that draw nothing do so, too: so it is no error, as of `check_not_copied`.
    """
    notes = []
    what = "runs" if design.is_holdout else "repeats"
    for name, one in said.items():
        alike: Counter[tuple] = Counter()
        for repeat in range(design.repeats):
            # Right or wrong alone may well be the same on other folds.
            parts = [numbered_by_first_image(design.runs[repeat]), one.correct[repeat]]
            parts += [one.predicted[repeat]] if one.predicted is not None else []
            parts = parts if one.probs is None else [one.probs[repeat]]
            key = tuple(hash(np.ascontiguousarray(part).tobytes()) for part in parts)
            alike[key] += 1
        notes += [
            f"{name} says the same of every image in {count} of {design.repeats} "
            f"{what}, as copies do. A copy is no new run: if they are copies, take out "
            "all but one."
            for count in alike.values()
            if count > 1
        ]
    return notes
