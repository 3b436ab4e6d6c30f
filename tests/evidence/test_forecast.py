import numpy as np
import pytest
from scipy.stats import t

from mmleaves.evidence.comparison import equivalence_p, guarded
from mmleaves.evidence.design import Design
from mmleaves.evidence.forecast import forecast
from mmleaves.evidence.two_way import Estimate, two_way


def holdout(n, repeats):
    return Design(np.arange(n) % 2, ("a", "b"), repeats, train_images=10 * n)


@pytest.mark.parametrize("level", [0.05, 0.05 / 3])
def test_the_number_of_repeats_by_hand(level):
    """Nothing stays with an image: each repeat draws all its differences anew."""
    n, repeats = 400, 4
    rng = np.random.default_rng(0)
    differences = rng.choice([-1.0, 0, 1], p=(0.08, 0.82, 0.1), size=(repeats, n))
    plan = holdout(n, repeats)
    anew = differences.var(axis=0, ddof=1).mean()
    between = differences.mean(axis=0).var(ddof=1)
    stays = max(between - anew / repeats, 0)
    estimate = two_way(differences, plan)
    found = forecast(differences, estimate, plan, 1e-9, level=level)
    size = abs(differences.mean())
    extra = two_way(differences, plan).se ** 2 / 1.1 - between / n

    def decided(more):
        total = repeats + more
        variance = (stays + anew / total) / n + max(extra, 0) * repeats / total
        return size > t.ppf(1 - level / 2, n - 1) * np.sqrt(variance * 1.1)

    assert found.repeats is not None
    assert decided(found.repeats)
    assert found.repeats == 1 or not decided(found.repeats - 1)


def test_what_stays_with_the_images_no_repeat_takes_away():
    """The same differences in every repeat: 3 of 40 for A, 2 for B."""
    differences = np.zeros((5, 40))
    differences[:, :3], differences[:, 3:5] = 1, -1
    plan = holdout(40, 5)
    found = forecast(differences, two_way(differences, plan), plan, 0.01)
    # Variance of the images: 5 of 40 with a square of 1, less the mean's.
    variance = (5 - 40 * 0.025**2) / 39 / 40 * 1.1
    smallest = (t.ppf(0.975, 39) + t.ppf(0.8, 39)) * np.sqrt(variance)
    assert found.smallest_gap == pytest.approx(smallest)
    assert (found.repeats, found.images_limit) == (None, True)
    # A gap of 2.5 points: by how much the smallest one must shrink, squared.
    factor = smallest / 0.025
    assert found.images == int(np.ceil(40 * factor**2)) - 40


def test_two_repeats_never_say_that_images_are_the_limit():
    differences = np.zeros((2, 40))
    differences[:, :3], differences[:, 3:5] = 1, -1
    plan = holdout(40, 2)
    found = forecast(differences, two_way(differences, plan), plan, 0.01)
    assert (found.repeats, found.images_limit) == (None, False)


def test_a_gap_below_the_margin_is_settled_by_showing_that_it_is_small():
    rng = np.random.default_rng(1)
    differences = rng.choice([-1.0, 0, 1], p=(0.05, 0.9, 0.05), size=(3, 400))
    plan = holdout(400, 3)
    estimate = Estimate(0.0005, two_way(differences, plan).se, 399)
    found = forecast(differences, estimate, plan, 0.01)
    assert found.repeats is not None
    assert forecast(differences, estimate, plan, 1e-9).repeats is None


@pytest.mark.parametrize("n", [100, 400])
def test_equality_is_forecast_as_the_verdict_says_it(n):
    """Alike but for chance: the error that the verdict adds counts here, too."""
    folds = np.stack([np.arange(n) // 2 % 5] * 60)
    plan = Design(np.arange(n) % 2, ("a", "b"), 60, folds)
    pattern = np.zeros((60, n))
    for repeat in range(60):  # one image for A and one for B, others in each repeat
        pattern[repeat, (2 * repeat) % n], pattern[repeat, (2 * repeat + 1) % n] = 1, -1
    first = plan.first(3)
    found = forecast(pattern[:3], two_way(pattern[:3], first), first, 0.01)

    def shown(repeats):
        here = plan.first(repeats)
        estimate = two_way(pattern[:repeats], here)
        return equivalence_p(guarded(estimate, n, here), 0.01) <= 0.05

    assert found.images_limit is False
    if n == 100:
        assert found.repeats is None and not any(map(shown, range(4, 54)))
        # The two images more alone: (t.975 + t.8) * sqrt(2 * 1.25) / (n + 2) = margin.
        alone = np.sqrt(2.5) * (t.ppf(0.975, 99) + t.ppf(0.8, 99)) / 0.01 - 2
        assert n + found.images >= alone
    else:
        assert abs(found.repeats - next(m for m in range(1, 50) if shown(3 + m))) <= 1


def test_looks_that_more_repeats_cost_are_counted():
    rng = np.random.default_rng(0)
    differences = rng.choice([-1.0, 0, 1], p=(0.08, 0.82, 0.1), size=(4, 400))
    plan = holdout(400, 4)
    estimate = two_way(differences, plan)
    free = forecast(differences, estimate, plan, 1e-9)
    twice = forecast(differences, estimate, plan, 1e-9, looks=lambda repeats: 2)
    half = forecast(differences, estimate, plan, 1e-9, level=0.025)
    assert free.repeats < twice.repeats == half.repeats


def test_a_single_repeat_has_no_forecast():
    differences = np.zeros((1, 40))
    plan = Design(np.arange(40) % 2, ("a", "b"), 1)
    assert forecast(differences, Estimate(0.1, 0.05, 39), plan, 0.01) is None
