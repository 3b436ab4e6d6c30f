"""Whether probabilities mean what they say, before and after temperature scaling."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes, most_probable
from mmleaves.evidence.paired_tests import wilson_interval

BINS = 10
PARTS = 5  # of a hold-out, whose runs have no other folds
DRAWS = 200
# Logarithms of probabilities that were rounded to 0.
LEAST = 1e-12
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same confidence.

    Args:
        count: How many there are, over all repeats.
        confidence: Their mean confidence, 0 to 1.
        right: Share of them that is right, 0 to 1.
        low: Lower end of Wilson's 95 % interval of it, for count / repeats images.
        high: Upper end.
    """

    count: int
    confidence: float
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """How far a recipe's confidence is from how often it is right.

    Args:
        bins: The bins that hold predictions, from unsure to sure.
        ece: Expected calibration error, percent.
        nll: Mean negative log likelihood of the true class, in nats.
    """

    bins: tuple[Bin, ...]
    ece: float
    nll: float


@dataclass(frozen=True)
class Reliability:
    """A recipe before and after temperature scaling.

    Args:
        before: As its probabilities are.
        after: Scaled, each image by a temperature that it had no part in.
        temperatures: These temperatures, one for each run or part of a run.
        chance_ece: ECE of a recipe of this confidence that is perfectly calibrated, on
            as many images, percent: mean of 200 draws.
        chance_high: The 95th percentile of these draws.
    """

    before: Calibration
    after: Calibration
    temperatures: tuple[float, ...]
    chance_ece: float
    chance_high: float


def reliability(said: Outcomes, design: Design, *, seed: int = 0) -> Reliability:
    """Return the calibration of one recipe.

    The temperature of a fold's images is the one at which the images of the *other*
    folds of the same repeat are likeliest, by what was said of those when they were
    scored themselves: by other models of the same recipe. On a hold-out, the images of
    each run are dealt into five parts, and those of the other parts choose it.

    Args:
        said: Outcomes with probabilities.
        design: Which images and runs these are.
        seed: Seed of the parts and draws.

    References:
        Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML
        2017 (ECE by bins of equal width, temperature scaling). Bröcker and Smith,
        Increasing the reliability of reliability diagrams, Weather and Forecasting
        22:651, 2007 (what perfect calibration would show).
    """
    rng = np.random.default_rng(seed)
    logs = np.log(np.maximum(said.probs, LEAST))
    scaled = np.empty_like(logs)
    temperatures = []
    for repeat in range(design.repeats):
        parts = _parts(design, repeat, rng)
        for part in np.unique(parts):
            here = parts == part
            fitted = fit_temperature(logs[repeat, ~here], design.labels[~here])
            temperatures.append(fitted)
            scaled[repeat, here] = logs[repeat, here] / fitted
    # The class with the highest probability stays the same.
    probs = np.exp(scaled - logsumexp(scaled, axis=-1, keepdims=True))
    before = calibration(said.probs, design)
    confidence = said.probs.max(axis=-1)
    # One number an image: what is right in one repeat is so in others, too.
    luck = rng.random((DRAWS, 1, design.images))
    errors = [_ece(confidence, one < confidence) for one in luck]
    return Reliability(
        before,
        calibration(probs, design),
        tuple(temperatures),
        chance_ece=100 * float(np.mean(errors)),
        chance_high=100 * float(np.percentile(errors, 95)),
    )


def fit_temperature(logs: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature at which the true classes are likeliest, 0.05 to 20.

    Args:
        logs: Logarithms of the probabilities, (m, C).
        labels: True classes, (m,).
    """
    true = logs[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        by = np.exp(-log_temperature)
        return float(np.mean(logsumexp(by * logs, axis=1) - by * true))

    bounds = tuple(np.log(TEMPERATURES))
    found = minimize_scalar(
        loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def calibration(probs: np.ndarray, design: Design) -> Calibration:
    """Return bins, ECE and log likelihood of probabilities, (R, n, C)."""
    confidence = probs.max(axis=-1)
    right = most_probable(probs, design.classes) == design.labels
    found, place = [], _bins(confidence)
    for i in np.unique(place):
        here = place == i
        count, share = int(here.sum()), float(right[here].mean())
        # Repeats score the same images, and are no more of them.
        images = count / design.repeats
        low, high = wilson_interval(share * images, images)
        found.append(Bin(count, float(confidence[here].mean()), share, low, high))
    true = np.take_along_axis(probs, design.labels[None, :, None], axis=-1)
    nll = -float(np.log(np.maximum(true, LEAST)).mean())
    return Calibration(tuple(found), 100 * _ece(confidence, right), nll)


def _parts(design: Design, repeat: int, rng: np.random.Generator) -> np.ndarray:
    """Return the part that each image is in, (n,): its fold, or one of five."""
    if design.folds is not None:
        return design.folds[repeat]
    return rng.permutation(np.arange(design.images) % PARTS)


def _bins(confidence: np.ndarray) -> np.ndarray:
    return np.minimum((confidence * BINS).astype(int), BINS - 1)


def _ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean distance of confidence and share of right ones, by bins."""
    gaps = np.bincount(
        _bins(confidence).ravel(), (right - confidence).ravel(), minlength=BINS
    )
    return float(np.abs(gaps).sum() / confidence.size)
