"""Rules by which people name the better of two recipes: ours, and the usual ones."""

from collections.abc import Callable

import numpy as np
from scipy.special import fdtrc, stdtr

from mmleaves.calibration.draws import Draw
from mmleaves.evidence.comparison import estimate_difference
from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.paired_tests import corrected_resampled_p, mcnemar, sign_flip_p
from mmleaves.evidence.two_way import Estimate, two_way

ALPHA = 0.05
OURS = "this rule: images and runs as clusters, widened"
OURS_HELD_OUT = "33 images, 5 seeds: this rule"
FIVE_BY_TWO = "5x2 folds, combined F test"
FEW_SEEDS = 5
HABIT = "33 images, one seed, the higher one wins"


def estimate(draw: Draw, *, repeats: int | None = None) -> Estimate:
    """Return what `compare` decides by, of A less B, after some of the repeats."""
    count = repeats or draw.design.repeats
    design = draw.design if repeats is None else draw.design.first(count)
    a, b = (Outcomes(right[:count]) for right in draw.right[:2])
    return estimate_difference("accuracy", a, b, design, 1)[0]


def held_out_estimate(draw: Draw) -> Estimate:
    """Return what `compare` decides by on the hold-out, of A less B."""
    a, b = map(Outcomes, draw.held_out[:2, :FEW_SEEDS])
    images = a.correct.shape[1]
    # Which class an image is of plays no part in the accuracy.
    design = Design(
        np.arange(images) % 2,
        ("0", "1"),
        len(a.correct),
        train_images=draw.design.images,
    )
    return estimate_difference("accuracy", a, b, design, 1)[0]


def rules(draw: Draw) -> dict[str, int]:
    """Return by rule who is named: 1 for A, -1 for B, 0 for nobody.

    Rules for a hold-out, or for halves, are left out where there are none.
    """
    missing = set(HELD_OUT_RULES) if draw.held_out is None else set()
    missing |= {FIVE_BY_TWO} if draw.halves is None else set()
    return {n: int(rule(draw)) for n, rule in RULES.items() if n not in missing}


def _sign(difference: float, p: float) -> int:
    return int(np.sign(difference)) if p <= ALPHA else 0


def _t_test(values: np.ndarray) -> int:
    """Return the winner by a paired t test of differences, (m,)."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    if error == 0:
        return int(np.sign(values.mean()))
    p = 2 * stdtr(len(values) - 1, -abs(values.mean()) / error)
    return _sign(values.mean(), p)


def _change(draw: Draw) -> np.ndarray:
    return draw.right[0].astype(int) - draw.right[1]


def _held_out(draw: Draw) -> np.ndarray:
    a, b = draw.held_out[:2, :FEW_SEEDS].astype(int)
    return a - b


def _by_run(draw: Draw) -> np.ndarray:
    """Return the difference of the accuracies in each run, (G,), by repeat."""
    design = draw.design
    counts = design.by_run(np.ones((design.repeats, design.images)))
    return design.by_run(_change(draw).astype(float)) / counts


def _first_runs(draw: Draw) -> np.ndarray:
    return _by_run(draw)[: draw.design.runs_per_repeat]


def _welch(draw: Draw, seeds: int) -> int:
    a, b = draw.held_out[:2, :seeds].mean(axis=-1)
    parts = np.array([one.var(ddof=1) / len(one) for one in (a, b)])
    gap, error = a.mean() - b.mean(), np.sqrt(parts.sum())
    if error == 0:
        return int(np.sign(gap))
    df = parts.sum() ** 2 / np.sum(parts**2 / (len(a) - 1))
    return _sign(gap, 2 * stdtr(df, -abs(gap) / error))


def _mcnemar(change: np.ndarray, *, mid: bool = False) -> int:
    test = mcnemar(change)
    return _sign(change.mean(), test.p_mid if mid else test.p)


def _majority(draw: Draw) -> int:
    a, b = draw.right[:2].mean(axis=1) > 0.5
    return _mcnemar(a.astype(int) - b, mid=True)


def _corrected(values: np.ndarray, draw: Draw) -> int:
    return _sign(
        values.mean(), corrected_resampled_p(values, draw.design.test_train_ratio)
    )


def _bayes(draw: Draw) -> int:
    """Return who is better by more than a point with a posterior of 95 %."""
    values = _by_run(draw)
    ratio = 1 / len(values) + draw.design.test_train_ratio
    spread = np.sqrt(values.var(ddof=1) * ratio)
    mean, df = values.mean(), len(values) - 1
    if spread == 0:
        return int(np.sign(mean)) if abs(mean) > 0.01 else 0
    sure = stdtr(df, (abs(mean) - 0.01) / spread) > 0.95
    return int(np.sign(mean)) if sure else 0


def _probability_of_winning(draw: Draw) -> int:
    """Return who wins by P(A > B) over runs: its interval above 0.5, and up to 0.75."""
    values = _by_run(draw)
    wins = (values > 0) + (values == 0) / 2
    rng = np.random.default_rng(0)
    samples = wins[rng.integers(len(wins), size=(1000, len(wins)))].mean(axis=1)
    low, high = np.quantile(samples, (0.025, 0.975))
    if low > 0.5 and high > 0.75:
        return 1
    return -1 if high < 0.5 and low < 0.25 else 0


def _five_by_two(draw: Draw) -> int:
    """Return who wins by the combined 5x2 F test (Alpaydin, 1999)."""
    change = draw.halves[0] - draw.halves[1]
    spread = 2 * change.var(axis=1, ddof=1).sum()
    if spread == 0:
        return 0
    return _sign(change.mean(), fdtrc(10, 5, np.sum(change**2) / spread))


def _unwidened(draw: Draw) -> int:
    found = two_way(_change(draw).astype(float), draw.design)
    se = found.se / np.sqrt(1 + draw.design.test_train_ratio)
    return _sign(found.value, Estimate(found.value, se, found.df).p)


def _ours(found: Estimate) -> int:
    return _sign(found.value, found.p)


def _flips(draw: Draw) -> int:
    change = _held_out(draw)
    return _sign(change.mean(), sign_flip_p(change))


HELD_OUT_RULES: dict[str, Callable[[Draw], float]] = {
    HABIT: lambda d: np.sign(_held_out(d)[0].sum()),
    "33 images, mean of 5 seeds, the higher one wins": lambda d: np.sign(
        _held_out(d).sum()
    ),
    "33 images, 5 seeds: Welch's t test (mean ± std)": lambda d: _welch(d, FEW_SEEDS),
    "33 images, 10 seeds: the same": lambda d: _welch(d, 10),
    "33 images, one seed: exact McNemar": lambda d: _mcnemar(_held_out(d)[0]),
    "33 images, one seed: McNemar mid-p": lambda d: _mcnemar(_held_out(d)[0], mid=True),
    OURS_HELD_OUT: lambda d: _ours(held_out_estimate(d)),
    "33 images, 5 seeds: sign flips of images": _flips,
}
RULES: dict[str, Callable[[Draw], float]] = HELD_OUT_RULES | {
    "5 folds once, the higher mean wins": lambda d: np.sign(_first_runs(d).mean()),
    "paired t test, 5 folds": lambda d: _t_test(_first_runs(d)),
    "paired t test, all runs": lambda d: _t_test(_by_run(d)),
    "corrected resampled t test, 5 folds": lambda d: _corrected(_first_runs(d), d),
    "corrected resampled t test, all runs": lambda d: _corrected(_by_run(d), d),
    "exact McNemar, one repeat": lambda d: _mcnemar(_change(d)[0]),
    "McNemar mid-p, one repeat": lambda d: _mcnemar(_change(d)[0], mid=True),
    "exact McNemar, repeats stacked": lambda d: _mcnemar(_change(d).ravel()),
    "McNemar mid-p, majority vote of repeats": _majority,
    "t test over images": lambda d: _t_test(_change(d).mean(axis=0)),
    "Bayes, corrected t, region of 1 point": _bayes,
    "P(A > B) over runs, bootstrapped": _probability_of_winning,
    FIVE_BY_TWO: _five_by_two,
    "images and runs as clusters, not widened": _unwidened,
    "this rule, after two repeats": lambda d: _ours(estimate(d, repeats=2)),
    OURS: lambda d: _ours(estimate(d)),
}
