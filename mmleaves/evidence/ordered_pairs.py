"""Pairs of a positive and a negative image, and how many a score has in order."""

import numpy as np


def ordered_pairs(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return for each image how many of its pairs are in order, (n,).

    A pair is a positive and a negative image; it is in order if the positive one has
    the higher score. Equal scores count half. AUROC is the share of pairs in order.

    Args:
        scores: Probability of being positive, (n,).
        positive: Whether each image is, (n,), bool.
    """
    high, low = np.sort(scores[positive]), np.sort(scores[~positive])
    counts = np.empty(len(scores))
    counts[positive] = _rank(low, scores[positive])
    counts[~positive] = len(high) - _rank(high, scores[~positive])
    return counts


def _rank(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how many are below each value; equal ones count half."""
    sides = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return sum(sides) / 2
