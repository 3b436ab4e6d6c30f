"""Tests of two recipes on the same images, and what several tests at once ask for."""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betaincinv, ndtri, stdtr


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two fixed models on the same images.

    Args:
        only_a: Images that A alone has right.
        only_b: Images that B alone has right.
        p: Exact two-sided p value.
        p_mid: Mid-p value, less conservative.
    """

    only_a: int
    only_b: int
    p: float
    p_mid: float


def mcnemar(differences: np.ndarray) -> McNemar:
    """Return McNemar's exact test.

    Args:
        differences: 1 where A alone is right, -1 where B alone is, else 0; (n,).

    References:
        Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data,
        BMC Medical Research Methodology 13:91, 2013.
    """
    only_a, only_b = (int(np.sum(differences == sign)) for sign in (1, -1))
    discordant, least = only_a + only_b, min(only_a, only_b)
    if discordant == 0:
        return McNemar(0, 0, 1.0, 1.0)
    below = bdtr(least, discordant, 0.5)
    at = below - (bdtr(least - 1, discordant, 0.5) if least else 0.0)
    p = min(1.0, 2 * below)
    # Of two equal counts the middle term belongs to both sides: half of it goes.
    mid = 1 - at / 2 if only_a == only_b else p - at
    return McNemar(only_a, only_b, float(p), float(mid))


def mcnemar_interval(differences: np.ndarray, level: float) -> tuple[float, float]:
    """Return an interval for the difference of two fixed models' accuracies.

    It is the wider, at either end, of Bonett and Price's interval and of that which
    McNemar's exact test gives, so that it leaves out 0 just when the test says so.

    Args:
        differences: As of `mcnemar`, (n,).
        level: Probability to cover, such as 0.95.

    References:
        Bonett and Price, Adjusted Wald confidence interval for a difference of
        binomial proportions based on paired data, Journal of Educational and
        Behavioral Statistics 37:479, 2012.
    """
    n, test = len(differences), mcnemar(differences)
    a, b = test.only_a, test.only_b
    share_a, share_b = (a + 1) / (n + 2), (b + 1) / (n + 2)
    middle = share_a - share_b
    spread = np.sqrt((share_a + share_b - middle**2) / (n + 2))
    half = float(ndtri((1 + level) / 2)) * float(spread)
    tail = (1 - level) / 2
    low = 0.0 if a == 0 else float(betaincinv(a, b + 1, tail))
    high = 1.0 if b == 0 else float(betaincinv(a + 1, b, 1 - tail))
    exact = [(2 * share - 1) * (a + b) / n for share in (low, high)]
    return min(middle - half, exact[0]), max(middle + half, exact[1])


def wilson_interval(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share, for ``right`` of ``n`` images."""
    z2 = float(ndtri((1 + level) / 2)) ** 2
    share = right / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(share * (1 - share) * z2 / n + z2**2 / (4 * n**2)) / (1 + z2 / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def corrected_resampled_p(differences: np.ndarray, test_train_ratio: float) -> float:
    """Return the p value of the corrected resampled t test, two-sided.

    Args:
        differences: Difference of the two scores in each run, (G,), G of 2 or more.
        test_train_ratio: Test images of a run divided by its training images.

    References:
        Nadeau and Bengio, Inference for the generalization error, Machine Learning
        52:239, 2003; for repeated cross-validation Bouckaert and Frank, Evaluating the
        replicability of significance tests, PAKDD 2004.
    """
    count = len(differences)
    variance = differences.var(ddof=1) * (1 / count + test_train_ratio)
    if variance == 0:
        return 1.0 if differences.mean() == 0 else 0.0
    t = abs(differences.mean()) / np.sqrt(variance)
    return float(2 * stdtr(count - 1, -t))


def sign_flip_p(differences: np.ndarray) -> float:
    """Return the p value of the sign-flip test over images, two-sided and exact.

    If A and B are alike, each image's difference is as likely to have the other sign.
    All sign patterns are counted, by convolution.

    Args:
        differences: 1 where A alone is right, -1 where B alone is, else 0; (R, n).

    References:
        Fisher, The design of experiments, 1935, chapter 3.
    """
    sums = differences.sum(axis=0).astype(int)
    seen = abs(int(sums.sum()))
    chances = np.ones(1)
    for size, count in enumerate(np.bincount(np.abs(sums))):
        if size == 0 or count == 0:
            continue
        # The sum of `count` signs times `size`, from -count * size to count * size.
        signs = np.zeros(2 * count * size + 1)
        heads = bdtr(np.arange(count + 1), count, 0.5)
        signs[:: 2 * size] = np.diff(heads, prepend=0.0)
        chances = np.convolve(chances, signs)
    total = len(chances) // 2
    values = np.abs(np.arange(-total, total + 1))
    return float(min(1.0, chances[values >= seen].sum()))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p values adjusted for their number, (m,), in the same order.

    References:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian
        Journal of Statistics 6:65, 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.asarray(p_values)[order] * steps)
    return np.minimum(adjusted, 1.0)
