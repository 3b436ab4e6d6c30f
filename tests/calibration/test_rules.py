import dataclasses

import numpy as np
import pytest
from scipy import stats

from mmleaves.calibration.draws import Draw, Size, draw_experiment
from mmleaves.calibration.mixture import draw_images
from mmleaves.calibration.rules import FIVE_BY_TWO, OURS, OURS_HELD_OUT, RULES, rules
from mmleaves.calibration.scenarios import PLAIN, TUNED, WORSE_5
from mmleaves.evidence.compare import compare


@pytest.fixture(scope="module")
def draws():
    size = Size(images=160, fresh=100)
    return [
        draw_experiment(draw_images, (TUNED, WORSE_5), size, 3, number)
        for number in range(12)
    ]


def named(gap, p):
    return int(np.sign(gap)) if p <= 0.05 else 0


def run_accuracies(draw):
    design = draw.design
    return np.array(
        [[one[design.runs == g].mean() for g in range(15)] for one in draw.right]
    )


def test_our_rule_is_what_compare_says(draws):
    for draw in draws:
        a, b = draw.right
        verdict = compare(draw.design.labels, a, b, folds=draw.design.folds).verdict
        assert rules(draw)[OURS] == {"A": 1, "B": -1, None: 0}[verdict.winner]
        a, b = draw.held_out
        labels = np.arange(33) % 2
        verdict = compare(labels, a, b, train_images=160).verdict
        assert rules(draw)[OURS_HELD_OUT] == {"A": 1, "B": -1, None: 0}[verdict.winner]


def test_the_usual_t_tests_are_those_of_scipy(draws):
    for draw in draws:
        a, b = run_accuracies(draw)
        expected = named(np.mean(a - b), stats.ttest_rel(a, b).pvalue)
        assert rules(draw)["paired t test, all runs"] == expected
        for seeds, rule in (
            (5, "33 images, 5 seeds: Welch's t test (mean ± std)"),
            (10, "33 images, 10 seeds: the same"),
        ):
            a, b = draw.held_out[:, :seeds].mean(axis=-1)
            p = stats.ttest_ind(a, b, equal_var=False).pvalue
            assert rules(draw)[rule] == named(a.mean() - b.mean(), p)
        change = (draw.right[0].astype(float) - draw.right[1]).mean(axis=0)
        expected = named(change.mean(), stats.ttest_1samp(change, 0).pvalue)
        assert rules(draw)["t test over images"] == expected


def test_the_5x2_test_is_alpaydins(draws):
    for draw in draws:
        change = draw.halves[0] - draw.halves[1]
        means = change.mean(axis=1, keepdims=True)
        f = np.sum(change**2) / (2 * np.sum((change - means) ** 2))
        expected = named(change.mean(), stats.f.sf(f, 10, 5))
        assert rules(draw)[FIVE_BY_TWO] == expected


def test_the_habit_counts_images_of_one_seed(draws):
    for draw in draws:
        gap = int(draw.held_out[0, 0].sum()) - int(draw.held_out[1, 0].sum())
        assert rules(draw)["33 images, one seed, the higher one wins"] == np.sign(gap)


def test_turning_a_and_b_round_turns_every_rule_round(draws):
    for draw in draws:
        turned = dataclasses.replace(
            draw,
            right=draw.right[::-1],
            held_out=draw.held_out[::-1],
            halves=draw.halves[::-1],
        )
        found, back = rules(draw), rules(turned)
        # Whose interval is bootstrapped, and not quite even.
        found.pop("P(A > B) over runs, bootstrapped")
        assert found == {name: -back[name] for name in found}


def test_equal_outcomes_name_nobody(draws):
    draw = draws[0]
    same = [
        np.stack([part[0]] * 2) for part in (draw.right, draw.held_out, draw.halves)
    ]
    equal = Draw(draw.design, *same, true=None)
    assert set(rules(equal).values()) == {0}


def test_rules_without_their_data_are_left_out():
    draw = draw_experiment(draw_images, (TUNED, TUNED), PLAIN, 0, 0)
    assert draw.held_out is None
    assert set(RULES) - set(rules(draw)) == {
        name for name in RULES if name.startswith(("33 images", "5x2"))
    }


def test_an_experiment_is_its_seeds_and_a_recipe_never_meets_itself():
    one, two = (
        draw_experiment(draw_images, (TUNED, TUNED), Size(), 5, 1) for _ in range(2)
    )
    np.testing.assert_array_equal(one.right, two.right)
    np.testing.assert_array_equal(one.held_out, two.held_out)
    assert (one.right[0] != one.right[1]).any()
    other = draw_experiment(draw_images, (TUNED, TUNED), Size(), 5, 2)
    assert (one.right != other.right).any()
    # Folds are even, in every class as well.
    for folds in one.design.folds:
        assert np.ptp(np.bincount(folds)) <= 1
        for label in range(8):
            assert np.ptp(np.bincount(folds[one.design.labels == label])) <= 1
