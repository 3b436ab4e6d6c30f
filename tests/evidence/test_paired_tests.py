import numpy as np
import pytest
from baycomp.single import CorrelatedTTest
from scipy.stats import binomtest, t
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from mmleaves.evidence.paired_tests import (
    corrected_resampled_p,
    holm,
    mcnemar,
    mcnemar_interval,
    sign_flip_p,
    wilson_interval,
)


def change(only_a, only_b, n):
    return np.repeat([1, -1, 0], [only_a, only_b, n - only_a - only_b])


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (5, 5), (3, 9), (12, 30), (0, 6)])
def test_mcnemar_is_that_of_statsmodels(a, b):
    theirs = their_mcnemar([[50, a], [b, 50]], exact=True).pvalue
    assert mcnemar(change(a, b, 100)).p == pytest.approx(theirs, abs=1e-10)


def test_mcnemars_mid_p_leaves_out_half_of_what_was_seen():
    # 1 against 5 of 6: P(0) + P(1) = 7/64; two-sided 14/64, less P(1) = 6/64.
    assert mcnemar(change(1, 5, 9)).p == pytest.approx(14 / 64)
    assert mcnemar(change(1, 5, 9)).p_mid == pytest.approx(8 / 64)
    # 2 against 2: 1 - 0.5 x binompdf(2, 4, 0.5), as Fagerland's supplement has it.
    assert mcnemar(change(2, 2, 9)).p_mid == pytest.approx(1 - 3 / 16)


@pytest.mark.parametrize("n", [33, 100, 428])
def test_the_interval_leaves_out_0_just_when_mcnemars_test_says_so(n):
    for a in range(16):
        for b in range(16):
            low, high = mcnemar_interval(change(a, b, n), 0.95)
            decided = mcnemar(change(a, b, n)).p <= 0.05
            assert (low > 0 or high < 0) == decided, (a, b)
            assert low <= (a - b) / n <= high


def test_two_models_that_agree_may_still_differ_by_some_points():
    # Bonett and Price: one more image for either, so (1 - 1) / 35 +- an error of
    # sqrt((1/35 + 1/35) / 35).
    half = 1.959963984540054 * np.sqrt(2 / 35 / 35)
    assert mcnemar_interval(change(0, 0, 33), 0.95) == pytest.approx((-half, half))


def test_the_exact_end_is_that_of_clopper_and_pearson():
    # Of 20 that differ 16 are A's: the share's interval, carried over to 20 of 30.
    shares = binomtest(16, 20).proportion_ci(0.95, "exact")
    exact = [(2 * share - 1) * 20 / 30 for share in (shares.low, shares.high)]
    # Bonett and Price: 17 and 5 of 32.
    middle, half = 12 / 32, 1.959963984540054 * np.sqrt((22 / 32 - (12 / 32) ** 2) / 32)
    assert mcnemar_interval(change(16, 4, 30), 0.95) == pytest.approx(
        (min(exact[0], middle - half), max(exact[1], middle + half))
    )
    # It is the exact end that is wider where few differ.
    low, _ = mcnemar_interval(change(6, 0, 300), 0.95)
    share = binomtest(6, 6).proportion_ci(0.95, "exact").low
    assert low == pytest.approx((2 * share - 1) * 6 / 300)


@pytest.mark.parametrize(("right", "n"), [(30, 33), (381, 428), (0, 10), (10, 10)])
def test_wilsons_interval_is_that_of_statsmodels(right, n):
    theirs = proportion_confint(right, n, method="wilson")
    assert wilson_interval(right, n) == pytest.approx(theirs, abs=1e-10)


def test_the_corrected_t_test_is_that_of_baycomp():
    runs = np.random.default_rng(0).normal(0.02, 0.03, 15)
    theirs = CorrelatedTTest(runs, np.zeros(15), runs=3)
    # baycomp takes the widening from the number of runs: 5 folds here, so 1/4.
    spread = runs.var(ddof=1) * (1 / 15 + 1 / 4)
    assert theirs.var == pytest.approx(spread)
    left, right = theirs.probs()
    p = 2 * min(left, right)
    assert corrected_resampled_p(runs, 1 / 4) == pytest.approx(p, abs=1e-10)


def test_the_corrected_t_test_by_hand():
    # Mean 2, variance 1, (1/3 + 1/2) of it: t = 2 / sqrt(5/6).
    p = 2 * t.sf(2 / np.sqrt(5 / 6), 2)
    runs = np.array([1.0, 2.0, 3.0])
    assert corrected_resampled_p(runs, 1 / 2) == pytest.approx(p, abs=1e-12)
    assert corrected_resampled_p(np.zeros(3), 1 / 2) == 1.0


def test_sign_flips_are_counted_as_all_patterns_are():
    rng = np.random.default_rng(1)
    for _ in range(20):
        differences = rng.integers(-1, 2, (3, 8))
        sums = differences.sum(axis=0)
        signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
        seen = np.abs(sums @ signs) >= abs(sums.sum())
        assert sign_flip_p(differences) == pytest.approx(seen.mean(), abs=1e-12)


def test_sign_flips_of_a_single_run_are_mcnemars_test():
    assert sign_flip_p(change(3, 11, 40)[None]) == pytest.approx(
        mcnemar(change(3, 11, 40)).p, abs=1e-12
    )


def test_holms_method_is_that_of_statsmodels():
    rng = np.random.default_rng(2)
    for count in (1, 2, 5, 10):
        p = rng.uniform(0, 0.2, count)
        theirs = multipletests(p, method="holm")[1]
        np.testing.assert_allclose(holm(p), theirs, atol=1e-10)
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
