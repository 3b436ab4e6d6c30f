import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import t

from mmleaves.evidence.compare import compare, compare_all

NAMES = ("frozen", "all")


def plan(n, repeats, folds=5, seed=0):
    rng = np.random.default_rng(seed)
    fold = np.arange(n) % folds
    return np.stack([rng.permutation(fold) for _ in range(repeats)])


def right(n, repeats, share, seed, *, own=0.0):
    """Whether images are right: each by its own difficulty, and some luck.

    ``own`` is how much of the difficulty is the recipe's own.
    """
    rng = np.random.default_rng(seed)
    difficulty = np.random.default_rng(99).random(n) * (1 - own) + own * rng.random(n)
    return difficulty + 0.1 * rng.normal(size=(repeats, n)) < share


def labels(n):
    return np.arange(n) % 2


def test_the_better_one_is_named_with_its_gain():
    found = compare(
        labels(428),
        *(right(428, 3, 0.8, 1), right(428, 3, 0.9, 2)),
        names=NAMES,
        folds=plan(428, 3),
    )
    assert (found.verdict.kind, found.verdict.winner) == ("better", "all")
    figures = found.measured
    assert figures.high < 0
    assert found.sentence.startswith(
        f"all is better than frozen: {-figures.points:+.1f} points of accuracy "
        f"(95 % CI {-figures.high:+.1f} to {-figures.low:+.1f}), 428 images x 3 repeats"
    )
    half = t.ppf(0.975, 14) * figures.se
    assert figures.low == pytest.approx(figures.points - half)


def test_a_gain_that_may_be_below_the_margin_is_called_so():
    recipes = right(428, 3, 0.85, 1), right(428, 3, 0.8, 2)
    found = compare(labels(428), *recipes, folds=plan(428, 3), margin=4)
    assert found.verdict.winner == "A"
    assert found.sentence.endswith("The gain may be below your margin of 4 points.")


def test_what_is_inside_the_margin_is_no_difference_that_matters():
    recipes = right(1000, 5, 0.8, 1), right(1000, 5, 0.8, 2)
    found = compare(labels(1000), *recipes, folds=plan(1000, 5), margin=3)
    assert (found.verdict.kind, found.verdict.winner) == ("equivalent", None)
    assert found.sentence.startswith("No difference that matters between A and B: +")
    assert found.sentence.endswith("inside ±3.")
    assert -3 < found.measured.low_90 < found.measured.high_90 < 3
    # Two one-sided tests, by hand from the 90 % interval.
    half = (found.measured.high_90 - found.measured.low_90) / 2
    se = half / t.ppf(0.95, 24)
    p = t.sf((3 - abs(found.measured.points)) / se, 24)
    assert found.measured.p_equivalence == pytest.approx(p)


def test_undecided_says_how_many_more_repeats():
    recipes = right(428, 3, 0.83, 0, own=0.1), right(428, 3, 0.81, 100, own=0.1)
    report = compare_all(
        labels(428),
        dict(zip(NAMES, recipes, strict=True)),
        folds=plan(428, 3),
        minutes_per_run=2,
        margin=0.1,
    )
    (found,) = report.comparisons
    assert found.verdict.kind == "undecided"
    more = found.measured.forecast.repeats
    assert more >= 1
    name = "repeat" if more == 1 else "repeats"
    assert f"About {more} more {name} ({5 * more} runs of each, about" in found.sentence
    assert "at your speed) would settle a gap of this size." in found.sentence


def test_one_of_several_comparisons_takes_more_repeats_than_a_single_one():
    recipes = [right(428, 3, 0.83, 0, own=0.1), right(428, 3, 0.81, 100, own=0.1)]
    numbers = []
    for more in (0, 3):
        others = [right(428, 3, 0.83, 7 + i, own=0.1) for i in range(more)]
        named = {str(i): said for i, said in enumerate([*recipes, *others])}
        report = compare_all(labels(428), named, folds=plan(428, 3), margin=0.1)
        numbers.append(report.comparisons[0].measured.forecast.repeats)
    assert numbers[0] < numbers[1]


def test_few_test_images_are_told_that_seeds_will_not_do():
    recipes = (right(33, 5, 0.6, seed, own=0.7) for seed in (2, 102))
    found = compare(labels(33), *recipes, train_images=428)
    assert found.verdict.kind == "undecided"
    assert "More seeds will not settle this: with 33 test images only" in found.sentence
    assert "Cross-validate on all 461 images, or label about" in found.sentence
    gap = 100 * found.measured.forecast.smallest_gap
    assert f"only gaps above about {gap:.0f} points can be seen" in found.sentence
    # Below 10 points a whole number would say 0 of less than half a one.
    a, b = np.ones((2, 3, 4000), bool)
    a[:, :10], b[:, 10:20] = False, False
    found = compare(labels(4000), a, b, folds=plan(4000, 3), margin=0.01)
    gap = 100 * found.measured.forecast.smallest_gap
    assert 0 < gap < 0.5
    assert f"only gaps above about {gap:.1f} points can be seen" in found.sentence


def test_one_repeat_is_decided_by_mcnemars_test_and_says_what_that_means():
    a, b = np.zeros(40, bool), np.zeros(40, bool)
    a[:30], b[8:30] = True, True
    found = compare(labels(40), a, b)
    assert found.measured.test == "exact McNemar test"
    assert found.measured.p == pytest.approx(2 / 2**8)
    assert found.verdict.winner == "A"
    report = compare_all(labels(40), {"A": a, "B": b})
    assert "this compares two trained models" in report.notes[0]
    # Equality cannot be shown by one.
    assert found.measured.p_equivalence is None


def test_equal_outcomes_are_equal_and_are_called_suspicious():
    a = right(428, 3, 0.8, 1)
    found = compare(labels(428), a, a, folds=plan(428, 3))
    assert (found.measured.points, found.measured.p) == (0, 1)
    assert found.verdict.kind == "equivalent"
    assert "check that these are not one and the same predictions" in found.sentence
    # Of 33 images alike in every run nothing follows within one point.
    few = compare(labels(33), a[:, :33], a[:, :33], train_images=428)
    assert few.verdict.kind == "undecided"
    assert few.measured.high > 5


def test_several_recipes_are_held_against_the_first_by_holms_method():
    recipes = {
        "base": right(428, 3, 0.8, 1),
        "same": right(428, 3, 0.8, 2),
        "good": right(428, 3, 0.9, 3),
        "fair": right(428, 3, 0.85, 4),
    }
    report = compare_all(labels(428), recipes, folds=plan(428, 3))
    pairs = [(c.measured.a, c.measured.b) for c in report.comparisons]
    assert pairs == [("base", "same"), ("base", "good"), ("base", "fair")]
    p = [c.measured.p for c in report.comparisons]
    adjusted = [c.verdict.p_holm for c in report.comparisons]
    assert p[1] < p[2] < p[0]
    assert adjusted[1] == pytest.approx(3 * p[1])
    assert adjusted[2] == pytest.approx(2 * p[2])
    assert "(Holm p < 0.001 of 3 comparisons)" in report.comparisons[1].sentence
    every = compare_all(labels(428), recipes, folds=plan(428, 3), all_pairs=True)
    assert len(every.comparisons) == 6


def test_one_of_several_may_be_undecided_by_itself_decided():
    recipes = {
        str(seed): right(428, 3, share, seed, own=0.1)
        for seed, share in ((1, 0.85), (6, 0.825), (2, 0.85), (3, 0.85))
    }
    report = compare_all(labels(428), recipes, folds=plan(428, 3))
    first = report.comparisons[0]
    assert (first.verdict.kind, first.verdict.winner) == ("undecided", None)
    assert first.measured.p < 0.05 < first.verdict.p_holm
    assert first.sentence.endswith(
        "The interval alone leaves out 0, but as one of several it does not decide "
        f"(Holm p = {first.verdict.p_holm:.3f} of 3 comparisons)."
    )


def test_the_single_run_habit_by_hand():
    # Hold-out of 10, three runs each: right 8, 9, 9 against 9, 9, 10.
    a, b = np.zeros((3, 10), bool), np.zeros((3, 10), bool)
    for row, count in zip([*a, *b], (8, 9, 9, 9, 9, 10), strict=True):
        row[:count] = True
    habit = compare(labels(10), a, b, train_images=90).measured.habit
    # A > B never; ties (9, 9) twice for each of two 9s of B.
    assert (habit.a, habit.tie, habit.b) == pytest.approx((0, 4 / 9, 5 / 9))
    assert (habit.pairs, habit.images) == (9, 10)


def test_scores_of_each_recipe_by_hand():
    a = np.ones((2, 20), bool)
    a[0, :4] = False  # 16 of 20, then 20 of 20
    folds = np.tile(np.repeat([0, 1], 10), (2, 1))
    report = compare_all(labels(20), {"A": a, "B": ~a}, folds=folds)
    scores = report.recipes[0]
    assert scores.scores["accuracy"] == pytest.approx(90)
    assert scores.repeat_sd == pytest.approx(100 * np.sqrt(0.02))  # of 0.8 and 1
    # Folds: 0.6 and 1 in repeat 0, 1 and 1 in repeat 1: variances 0.08 and 0.
    assert scores.fold_sd == pytest.approx(100 * np.sqrt(0.04))
    assert scores.flips == pytest.approx(4 / 20)
    assert report.comparisons[0].measured.churn == 1
    assert report.positive == "1"


def test_a_look_before_the_planned_end_is_no_verdict_with_few_images():
    recipes = right(120, 2, 0.95, 1), right(120, 2, 0.6, 2)
    options = {"folds": plan(120, 2)}
    early = compare(labels(120), *recipes, **options, planned_repeats=6)
    assert (early.verdict.kind, early.verdict.winner) == ("too early", None)
    assert "2 of 6 planned repeats are complete" in early.sentence
    assert compare(labels(120), *recipes, **options).verdict.kind == "better"
    many = right(428, 2, 0.95, 1), right(428, 2, 0.6, 2)
    free = compare(labels(428), *many, folds=plan(428, 2), planned_repeats=6)
    assert free.verdict.kind == "better"


def test_names_do_as_well_as_numbers():
    truth = np.array(["benign", "malignant"])[labels(60)]
    said = np.tile(truth, (2, 1))
    said[0, :30] = "benign"
    numbers = np.tile(labels(60), (2, 1))
    numbers[0, :30] = 0
    found = compare(truth, said, np.tile(truth, (2, 1)), folds=plan(60, 2))
    expected = compare(
        labels(60), numbers, np.tile(labels(60), (2, 1)), folds=plan(60, 2)
    )
    assert found.measured.points == expected.measured.points == pytest.approx(-12.5)
    with pytest.raises(ValueError, match="B: found the class 'cyst', expected one of"):
        said[0, 0] = "cyst"
        compare(truth, truth, said[0], classes=["benign", "malignant"])


def test_integers_of_pandas_and_of_few_bits_are_integers():
    # As text, 10 would come before 2, and its probabilities with it.
    numbers = np.arange(110) % 11
    probs = np.full((110, 11), 0.01)
    probs[np.arange(110), numbers] = 0.9
    found = compare_all(numbers.astype(object), {"A": probs, "B": probs[::-1]})
    assert found.recipes[0].scores["accuracy"] == 100
    said = np.where(numbers > 4, 255, numbers)
    found = compare_all(numbers, {"A": said.astype(np.uint8), "B": numbers})
    assert found.recipes[0].scores["accuracy"] == pytest.approx(100 * 50 / 110)


def test_rounding_below_zero_is_no_logit():
    probs = np.tile([1 + 4e-16, -4e-16], (40, 1))
    assert compare(labels(40), probs, probs).measured.points == 0


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_gap_is_no_class(gap):
    truth = np.array(["cat", "dog"] * 20, object)
    said = truth.copy()
    said[3] = gap
    with pytest.raises(ValueError, match=f"B: found {gap}, expected a class of"):
        compare(truth, truth, said)
    with pytest.raises(ValueError, match=f"labels: found {gap}, expected a"):
        compare(said, truth, truth)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels": np.zeros(60, int)}, "all 60 scored images are of one class, '0'"),
        ({"labels": np.arange(60.0)}, r"labels: found an array of float64"),
        (
            {"a": np.ones((2, 59), bool)},
            r"A: found .* \(2, 59\), expected .* \(2, 60\)",
        ),
        (
            {"b": np.full((2, 60), 7), "classes": ["cat", "dog"]},
            "B: found the class 7, expected 0 to 1",
        ),
        ({"b": np.full((2, 60, 2), 0.9)}, "B, repeat 0, image 0: .* sum to 1.800"),
        ({"b": np.full((2, 60, 2), -1.0)}, "probability -1.0, expected 0 to 1. Logits"),
        ({"b": np.full((2, 60, 2), np.nan)}, "found the probability nan"),
        ({"b": np.ones((2, 60), complex)}, "found values of the type complex128"),
        ({"classes": ["cat", "dog", "cat"]}, "found cat, dog, cat, expected each name"),
        ({"b": np.full((2, 60, 2), 50.0)}, "sum to 100.000, .* divided by 100"),
        (
            {"folds": np.zeros((2, 60), int)},
            "repeat 0 has the folds 0, expected 0 to K",
        ),
        ({"folds": np.tile(np.arange(60), (2, 1))}, "a fold with a single image"),
        ({"folds": np.zeros((3, 60), int)}, r"shape \(3, 60\), expected .* \(2, 60\)"),
        ({"folds": plan(60, 2) / 1}, "folds: found an array of float64, expected int"),
        (
            {"a": np.ones((0, 60), bool), "b": np.ones((0, 60), bool)},
            "no repeats, expected 1",
        ),
        ({"folds": None}, "not how many images they were trained on"),
        ({"folds": None, "train_images": 0}, "train_images is 0, expected 1 or more"),
        ({"margin": 0}, "margin is 0, expected points above 0"),
        ({"metric": "f2"}, "no metric 'f2'"),
        ({"metric": "macro_f1"}, "'macro_f1' cannot be computed"),
        ({"positive": "2"}, "positive is '2', expected one of two classes"),
        ({"names": ("A", "A")}, r"found 1 recipe to compare \(A\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, text):
    given = {
        "labels": labels(60),
        "a": right(60, 2, 0.8, 1),
        "b": right(60, 2, 0.7, 2),
        "folds": plan(60, 2),
    }
    with pytest.raises(ValueError, match=text):
        compare(**given | change)


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="found 9 scored images, expected 10 or more"):
        compare(labels(9), np.ones(9, bool), np.zeros(9, bool))
    with pytest.raises(ValueError, match="found 1 scored images"):
        compare([0], np.ones(1, bool), np.zeros(1, bool))


def test_a_class_with_one_image_keeps_no_accuracy_from_being_compared():
    truth = np.arange(60) % 3
    truth[truth == 2], truth[5] = 0, 2
    a, b = np.tile(truth, (2, 3, 1))
    a[:, :4], b[:, :20] = 1, 1
    for options in ({"folds": plan(60, 3)}, {"train_images": 400}):
        report = compare_all(truth, {"A": a, "B": b}, **options)
        (one,) = report.comparisons
        assert one.measured.p < 0.01
        assert one.measured.others == ()
        note = "A class has too few images to compare balanced accuracy, macro-F1."
        assert note in report.notes
    with pytest.raises(
        ValueError, match="as sure here as with 3 images, as some class"
    ):
        compare(truth, a, b, folds=plan(60, 3), metric="balanced_accuracy")


def test_scores_that_some_folds_do_not_allow_are_left_out():
    # One positive image: no threshold can be chosen on the folds without it.
    truth = (np.arange(60) == 7).astype(int)
    p = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 60))
    a, b = np.stack([1 - p, p], axis=-1)
    report = compare_all(truth, {"A": a, "B": b}, folds=plan(60, 3))
    assert set(report.recipes[0].scores) == {
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "auroc",
    }
    assert "compare balanced accuracy, AUROC, sensitivity, spec" in report.notes[-1]
    assert [one.metric for one in report.comparisons[0].measured.others] == ["macro_f1"]
    with pytest.raises(ValueError, match="only, expected both, to choose a threshold"):
        compare(truth, a, b, folds=plan(60, 3), metric="sensitivity")


def test_a_score_knows_its_error_by_the_images_it_rests_on():
    # Of 33 images 12 are positive. A finds all, B one less in each run.
    truth = (np.arange(33) < 12).astype(int)
    sure = np.random.default_rng(0).uniform(0.6, 0.9, (2, 3, 33))
    p = np.where(truth, sure, 1 - sure)
    p[1, np.arange(3), np.arange(3)] = 0.2
    a, b = np.stack([1 - p, p], axis=-1)
    found = compare(truth, a, b, train_images=400, metric="sensitivity").measured
    assert found.points == pytest.approx(100 / 12)
    assert found.df == 11
    truth = (np.arange(33) < 9).astype(int)
    with pytest.raises(ValueError, match="sensitivity is as sure here as with 9 im"):
        compare(truth, a, b, train_images=400, metric="sensitivity")
    # Eight repeats of ten images are no forty runs' worth.
    recipes = right(20, 8, 0.6, 1).reshape(2, 8, 10)
    few = compare(labels(10), *recipes, folds=plan(10, 8))
    assert few.measured.df == 9


def test_images_that_all_say_the_same_prove_no_more_than_so_many():
    a = np.ones((3, 30), bool)
    found = compare(labels(30), a, ~a, train_images=300).measured
    # Two images more, one for either: an error of sqrt(2) / 32, widened.
    se = np.sqrt(2 / 32**2 * 1.1)
    assert found.p == pytest.approx(2 * t.sf(1 / se, 29))
    assert (found.points, found.high) == (100, 100)
    assert found.low == pytest.approx(100 - 100 * t.ppf(0.975, 29) * se)


def test_two_images_of_a_class_prove_nothing_and_spoil_nothing():
    truth = np.arange(60) % 2
    truth[:2] = 2
    a = np.ones((3, 60), bool)
    b = right(60, 3, 0.75, 1)
    b[:, :2] = False
    found = compare(truth, a, b, folds=plan(60, 3), classes=["a", "b", "few"])
    rows = {row.name: row for row in found.measured.classes}
    few = rows["few"]
    # Two images more: an error of sqrt(2) / 4, widened, and one degree of freedom.
    se = np.sqrt(2 / 4**2 * 1.25)
    raw = 2 * t.sf(1 / se, 1)
    assert raw == pytest.approx(0.2396, abs=1e-4)
    assert (few.images, few.points, few.low, few.high) == (2, 100, -100, 100)
    # The largest of three comes last in Holm's method, and changes no other.
    assert few.p == pytest.approx(raw)
    assert rows["a"].p < 0.05 < few.p


@pytest.mark.parametrize("images", [2, 3, 5, 12])
def test_interval_and_p_of_a_class_say_the_same(images):
    rng = np.random.default_rng(images)
    # Other classes have one image, and no row: Holm's p is that of the class alone.
    truth = np.maximum(np.arange(images + 10) - images + 1, 0)
    decided = set()
    for _ in range(100):
        shares = rng.choice([0, 0.25, 0.5, 1], (2, 1, 1))
        a, b = rng.random((2, 2, len(truth))) < shares
        (row,) = compare(truth, a, b, train_images=40).measured.classes
        assert -100 <= row.low <= row.points <= row.high <= 100
        assert (row.p <= 0.05) == (row.low > 0 or row.high < 0)
        decided.add(row.p <= 0.05)
    assert decided == ({False, True} if images > 3 else {False})


def test_a_copied_run_is_no_new_run():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet((1, 1), (2, 3, 40))
    compare(labels(40), *probs, train_images=400)
    probs[:, 2] = probs[:, 0]
    with pytest.raises(ValueError, match="repeats 0 and 2 are the same: same folds"):
        compare(labels(40), *probs, train_images=400)


def test_it_needs_neither_torch_nor_scipys_statistics():
    code = """
import sys
import mmleaves.evidence.compare
heavy = {"torch", "mmengine", "pandas", "sklearn", "pyarrow", "scipy.stats"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
