"""Every planned end is a look, and a plan that was extended has had more than one."""

import numpy as np
import pytest

from mmleaves.calibration.draws import Size
from mmleaves.calibration.mixture import draw_images
from mmleaves.calibration.scenarios import OTHER_SMALL, TUNED
from mmleaves.calibration.study import Scenario, draws
from mmleaves.evidence.compare import compare
from mmleaves.evidence.design import Design
from mmleaves.evidence.verdict import counted_looks


def recipes(images, repeats, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, images)
    shape = (repeats, images)
    folds = rng.permuted(np.tile(np.arange(images) % 5, (repeats, 1)), axis=1)
    a = np.where(rng.random(shape) < 0.95, labels, 1 - labels)
    b = np.where(rng.random(shape) < 0.87, labels, 1 - labels)
    return labels, a, b, folds


@pytest.mark.parametrize(
    ("images", "earlier", "repeats", "looks"),
    [
        (100, (), 3, 1),
        (100, (3,), 4, 2),
        (100, (2, 3, 4), 5, 4),
        # The looks up to the 8th repeat are paid for together.
        (428, (2, 3, 4), 5, 1),
        (428, (3, 8), 9, 2),
        (428, (3, 9, 10), 11, 4),
        (428, (9,), 10, 2),
    ],
)
def test_looks_are_counted_where_they_cost(images, earlier, repeats, looks):
    labels, _, _, folds = recipes(images, repeats)
    design = Design(labels, ("0", "1"), repeats, folds)
    assert counted_looks(design, earlier) == looks


def test_p_is_multiplied_by_the_looks_and_it_is_said():
    labels, a, b, folds = recipes(100, 4)
    once = compare(labels, a, b, folds=folds)
    thrice = compare(labels, a, b, folds=folds, earlier_repeats=(2, 3))
    assert thrice.verdict.p_holm == pytest.approx(3 * once.verdict.p_holm, rel=1e-12)
    assert thrice.measured == once.measured
    assert "after 3 looks)" in thrice.sentence and "looks" not in once.sentence


def test_a_forecast_beyond_the_plan_counts_the_look_it_costs():
    labels, a, b, folds = recipes(100, 3, seed=29)
    free = compare(labels, a, b, folds=folds)
    at_end = compare(labels, a, b, folds=folds, planned_repeats=3)
    assert free.verdict.kind == at_end.verdict.kind == "undecided"
    assert free.measured.forecast.repeats < at_end.measured.forecast.repeats
    extended = compare(labels, a, b, folds=folds, earlier_repeats=(2,))
    assert extended.measured.forecast.repeats == at_end.measured.forecast.repeats


def test_what_decides_once_need_not_after_many_looks():
    labels, a, b, folds = recipes(100, 4)
    once = compare(labels, a, b, folds=folds)
    assert once.verdict.kind == "better"
    looks = int(0.05 / once.verdict.p_holm) + 1
    many = compare(labels, a, b, folds=folds, earlier_repeats=(2,) * looks)
    assert many.verdict.kind == "undecided"
    assert f"after {looks + 1} looks)" in many.sentence


def test_looking_after_each_repeat_with_few_images_names_few_winners():
    size = Size(images=100, repeats=5, holdout=0, halves=False, fresh=0)
    scenario = Scenario("small", (TUNED, OTHER_SMALL), size)
    named = 0
    for draw in draws(scenario, draw_images, 120, 31):
        design = draw.design
        named += any(
            compare(
                design.labels,
                *(right[:count] for right in draw.right),
                folds=design.folds[:count],
                earlier_repeats=tuple(range(2, count)),
            ).verdict.kind
            == "better"
            for count in range(2, 6)
        )
    # 5 %, and 1.64 standard errors of 120 experiments.
    assert named / 120 <= 0.05 + 1.64 * np.sqrt(0.05 * 0.95 / 120)
