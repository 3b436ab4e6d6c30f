"""DeLong's test of two AUROCs on the same images."""

import numpy as np
from scipy.special import ndtr

from mmleaves.evidence.ordered_pairs import ordered_pairs


def delong_p(scores_a: np.ndarray, scores_b: np.ndarray, positive: np.ndarray) -> float:
    """Return the two-sided p value of equal AUROCs of two fixed models.

    Args:
        scores_a: Probability of being positive by A, (n,).
        scores_b: The same by B.
        positive: Whether each image is, (n,), bool; 2 or more of both kinds.

    References:
        DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more
        correlated receiver operating characteristic curves, Biometrics 44:837, 1988.
        Sun and Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing
        Letters 21:1389, 2014 (by ranks).
    """
    change = ordered_pairs(scores_a, positive) - ordered_pairs(scores_b, positive)
    # Of each image the share of its pairs in order: DeLong's structural components.
    parts = [
        change[positive] / np.sum(~positive),
        change[~positive] / np.sum(positive),
    ]
    difference = parts[0].mean()
    variance = sum(part.var(ddof=1) / len(part) for part in parts)
    if variance == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * ndtr(-abs(difference) / np.sqrt(variance)))
