import numpy as np
import pytest
from scipy.stats import t
from statsmodels.api import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster

from mmleaves.evidence.compare import compare
from mmleaves.evidence.design import Design
from mmleaves.evidence.two_way import Estimate, two_way, two_way_jackknife


def design(n, repeats, folds, seed=0):
    rng = np.random.default_rng(seed)
    fold = np.arange(n) % folds
    plan = np.stack([rng.permutation(fold) for _ in range(repeats)])
    return Design(np.arange(n) % 2, ("a", "b"), repeats, plan)


def test_the_error_by_hand():
    """Ten images, two folds, two repeats; 1 in the first four cells of repeat 0."""
    folds = np.tile(np.repeat([0, 1], 5), (2, 1))
    plan = Design(np.arange(10) % 2, ("a", "b"), 2, folds)
    differences = np.zeros((2, 10))
    differences[0, :4] = 1
    # Mean 0.2. By image: 0.6 four times, -0.4 six times: 4 * .36 + 6 * .16 = 2.4.
    # By run: 4 - 1 = 3, then -1 three times: 9 + 3 = 12. Cells: 4 * .64 + 16 * .04.
    images, runs, cells = 2.4 * 10 / 9, 12 * 4 / 3, 3.2 * 20 / 19
    widening = 1 + 5 / 5
    found = two_way(differences, plan)
    assert found.value == pytest.approx(0.2)
    se = np.sqrt((images + runs - cells) * widening) / 20
    assert found.se == pytest.approx(se)
    assert found.df == 3
    assert found.p == pytest.approx(2 * t.sf(0.2 / se, 3))
    half = t.ppf(0.975, 3) * se
    assert found.interval(0.95) == pytest.approx((0.2 - half, 0.2 + half))


def test_the_parts_of_the_variance_are_those_of_statsmodels():
    plan = design(60, 3, 5)
    rng = np.random.default_rng(1)
    differences = rng.integers(-1, 2, (3, 60)) + rng.normal(size=60)
    differences += rng.normal(size=15)[plan.runs]
    fit = OLS(differences.ravel(), np.ones(180)).fit()
    image = np.tile(np.arange(60), 3)
    parts = []
    for groups in (image, plan.runs.ravel(), np.arange(180)):
        count = len(np.unique(groups))
        # Without statsmodels' factor for the number of coefficients.
        raw = cov_cluster(fit, groups, use_correction=False)[0, 0]
        parts.append(raw * count / (count - 1))
    variance = parts[0] + max(parts[1] - parts[2], 0)
    found = two_way(differences, plan)
    assert found.se == pytest.approx(np.sqrt(variance * 1.25), abs=1e-10)


def test_runs_that_vary_little_do_not_make_it_surer_than_the_images_do():
    plan = design(40, 3, 4)
    differences = np.zeros((3, 40))
    for row, runs in zip(differences, plan.runs, strict=True):
        for run in np.unique(runs):
            # The same sum in every run.
            row[np.flatnonzero(runs == run)[:3]] = 1
    images = (differences - differences.mean()).sum(axis=0)
    variance = np.sum(images**2) * 40 / 39 / 120**2
    assert two_way(differences, plan).se == pytest.approx(np.sqrt(variance * 4 / 3))


def test_a_mean_by_jackknife_is_the_mean_by_clusters():
    plan = design(60, 3, 5)
    rng = np.random.default_rng(2)
    a, b = rng.random((3, 60)) < 0.8, rng.random((3, 60)) < 0.7
    ones = np.ones((3, 60))
    found = two_way_jackknife(
        *(np.stack([one, ones], axis=-1) for one in (a, b)),
        lambda sums: sums[..., 0] / sums[..., 1],
        plan,
    )
    expected = two_way(a.astype(float) - b, plan)
    assert found.value == pytest.approx(expected.value, abs=1e-12)
    assert found.se == pytest.approx(expected.se, abs=1e-12)
    assert found.df == expected.df


def test_on_a_hold_out_the_runs_count_as_soon_as_they_vary():
    labels = np.arange(40) % 2
    plan = Design(labels, ("a", "b"), 3, train_images=400)
    same = np.tile(np.arange(40) % 4 == 0, (3, 1)).astype(float)
    assert two_way(same, plan).df == 39
    # One run apart from the others in every image: what varies is all between runs.
    apart = np.array([[1.0], [0], [0]]) * np.ones(40)
    found = two_way(apart, plan)
    assert found.df == pytest.approx(2, abs=0.1)
    # Means 1, 0, 0: their variance 1/3, over 3 runs, less that of cells.
    cells = 3 * 40 * (2 / 9) * 120 / 119 / 120**2
    runs = 1 / 9 - cells
    assert found.se == pytest.approx(np.sqrt(runs * 1.1))


def test_no_spread_is_certain_only_of_equality():
    assert Estimate(0.0, 0.0, 14).p == 1.0
    assert Estimate(0.1, 0.0, 14).p == 0.0


def test_a_score_that_needs_every_image_is_refused():
    plan = design(20, 2, 4)
    sums = np.zeros((2, 20, 1))
    sums[:, 0] = 1

    def score(sums):
        return np.where(sums[..., 0] > 0, 1.0, np.nan)

    with pytest.raises(ValueError, match="a class has too few images"):
        two_way_jackknife(sums, sums, score, plan)


def test_one_run_on_a_holdout_is_not_widened():
    """Two trained models are compared: how many images trained them is no matter."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    a, b = (np.clip(labels * 0.2 + rng.random(60) * 0.8, 0, 1) for _ in "ab")
    a, b = (np.stack([1 - one, one], axis=-1) for one in (a, b))
    without, with_it = (
        compare(labels, a, b, metric="auroc", train_images=count)
        for count in (None, 60)
    )
    assert without == with_it


@pytest.mark.parametrize("repeats", [2, 3, 5, 6, 7])
def test_an_error_that_rounding_leaves_is_none(repeats):
    """B has each image wrong in one repeat, A none: no image differs from another."""
    n = 30 * repeats
    labels = np.arange(n) % 2
    folds = np.stack([np.arange(n) * 5 // n] * repeats)
    b = np.arange(n) // 2 % repeats != np.arange(repeats)[:, None]
    found = compare(labels, np.ones((repeats, n), bool), b, folds=folds).measured
    assert found.se == 0 and found.low < found.points - 1 / n and found.p > 0
