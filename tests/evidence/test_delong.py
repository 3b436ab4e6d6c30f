import numpy as np
import pytest
from MLstatkit import Delong_test
from scipy.stats import norm

from mmleaves.evidence.delong import delong_p
from mmleaves.evidence.ordered_pairs import ordered_pairs


def case(seed, ties):
    rng = np.random.default_rng(seed)
    positive = rng.random(80) < 0.4
    a, b = rng.random((2, 80)) + [[0.4], [0.2]] * positive
    return (np.round(a, 1), np.round(b, 1), positive) if ties else (a, b, positive)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_of_mlstatkit(seed, ties):
    a, b, positive = case(seed, ties)
    theirs = Delong_test(positive.astype(int), a, b)[1]
    assert delong_p(a, b, positive) == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_what_all_pairs_written_out_give(ties):
    a, b, positive = case(5, ties)

    def pairs(scores):
        high, low = scores[positive][:, None], scores[~positive]
        return (high > low) + (high == low) / 2

    change = pairs(a) - pairs(b)
    rows, columns = change.mean(axis=1), change.mean(axis=0)
    variance = rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns)
    p = 2 * norm.sf(abs(change.mean()) / np.sqrt(variance))
    assert delong_p(a, b, positive) == pytest.approx(p, abs=1e-10)


def test_equal_scores_are_equal():
    a, _, positive = case(0, ties=False)
    assert delong_p(a, a, positive) == 1.0


def test_pairs_are_counted_by_image():
    scores = np.array([0.1, 0.5, 0.5, 0.9])
    positive = np.array([False, True, False, True])
    # 0.5 beats 0.1 and ties with 0.5; 0.9 beats both.
    assert ordered_pairs(scores, positive).tolist() == [2, 1.5, 1.5, 2]
