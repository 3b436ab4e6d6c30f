"""What must hold of every comparison, whatever the outcomes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmleaves.evidence.compare import compare, compare_all
from mmleaves.evidence.score_sums import BINARY, SCORES


@st.composite
def experiments(draw):
    """Labels, probabilities of A and B, and folds or a hold-out's options."""
    seed = draw(st.integers(0, 2**32 - 1))
    repeats, folds = draw(st.integers(1, 4)), draw(st.sampled_from([0, 2, 5]))
    n, classes = draw(st.integers(30, 60)), draw(st.integers(2, 3))
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    strength = draw(st.floats(0, 3))
    logits = rng.normal(size=(2, repeats, n, classes)) * draw(st.floats(0.2, 3))
    logits = logits + rng.normal(size=(n, classes)) + 2 * np.eye(classes)[labels]
    logits[0] += strength * np.eye(classes)[labels]
    # Rounded, so that there are ties.
    probs = np.exp(np.round(logits, 1))
    probs /= probs.sum(axis=-1, keepdims=True)
    plan = {"train_images": 300}
    if folds:
        fold = np.arange(n) // classes % folds
        plan = {"folds": np.stack([rng.permutation(fold) for _ in range(repeats)])}
        for row in plan["folds"]:
            for label in range(classes):
                # Every class in every fold, as a stratified plan has it.
                here = labels == label
                row[here] = rng.permutation(np.arange(here.sum()) % folds)
    metrics = [name for name in SCORES if classes == 2 or name not in BINARY]
    return labels, *probs, plan | {"metric": draw(st.sampled_from(metrics))}


def assert_same(found, expected, path=""):
    """Compare nested figures, numbers to 1e-9 and the rest exactly."""
    if dataclasses.is_dataclass(found):
        found, expected = vars(found), vars(expected)
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key in found:
            assert_same(found[key], expected[key], f"{path}.{key}")
    elif isinstance(found, tuple | list):
        for i, pair in enumerate(zip(found, expected, strict=True)):
            assert_same(*pair, f"{path}.{i}")
    elif isinstance(found, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), path
    else:
        assert found == expected, path


@settings(max_examples=60, deadline=None)
@given(experiments())
def test_swapping_a_and_b_flips_the_sign_and_nothing_else(experiment):
    labels, a, b, plan = experiment
    one = compare(labels, a, b, names=("x", "y"), **plan)
    two = compare(labels, b, a, names=("y", "x"), **plan)
    m = two.measured
    back = dataclasses.replace(
        m,
        a=m.b,
        b=m.a,
        points=-m.points,
        low=-m.high,
        high=-m.low,
        low_90=-m.high_90,
        high_90=-m.low_90,
        a_wins=1 - m.a_wins,
        habit=dataclasses.replace(m.habit, a=m.habit.b, b=m.habit.a),
        others=tuple(
            dataclasses.replace(o, points=-o.points, low=-o.high, high=-o.low)
            for o in m.others
        ),
        classes=tuple(
            dataclasses.replace(o, points=-o.points, low=-o.high, high=-o.low)
            for o in m.classes
        ),
    )
    assert_same(back, one.measured)
    assert (one.verdict.kind, one.verdict.winner) == (
        two.verdict.kind,
        two.verdict.winner,
    )
    if one.verdict.kind == "better":
        assert one.sentence == two.sentence


@settings(max_examples=60, deadline=None)
@given(experiments(), st.integers(0, 2**32 - 1))
def test_the_order_of_images_and_of_runs_does_not_matter(experiment, seed):
    labels, a, b, plan = experiment
    rng = np.random.default_rng(seed)
    images, repeats = rng.permutation(len(labels)), rng.permutation(len(a))
    turned = dict(plan)
    if "folds" in plan:
        # The folds' own numbers mean nothing either.
        names = rng.permutation(plan["folds"].max() + 1)
        turned["folds"] = names[plan["folds"][repeats][:, images]]
    mixed = (one[repeats][:, images] for one in (a, b))
    one = compare(labels, a, b, **plan)
    two = compare(labels[images], *mixed, **turned)
    delong = [sorted(c.measured.p_delong or ()) for c in (one, two)]
    assert delong[0] == pytest.approx(delong[1])
    both = [dataclasses.replace(c.measured, p_delong=None) for c in (one, two)]
    assert_same(*both)
    assert_same(one.verdict, two.verdict)


@settings(max_examples=40, deadline=None)
@given(experiments())
def test_equal_outcomes_have_a_p_value_of_1(experiment):
    labels, a, _, plan = experiment
    found = compare(labels, a, a, **plan)
    assert (found.measured.points, found.measured.p) == (0, 1)
    assert found.measured.low < 0 < found.measured.high
    assert found.verdict.winner is None


@settings(max_examples=40, deadline=None)
@given(experiments())
def test_interval_p_value_and_verdict_say_the_same(experiment):
    labels, a, b, plan = experiment
    found = compare(labels, a, b, **plan).measured
    assert (found.p <= 0.05) == (found.low >= 0 or found.high <= 0)
    assert 0 <= found.p <= 1
    habit = found.habit
    assert habit.a + habit.b + habit.tie == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(experiments())
def test_the_report_is_plain_json(experiment):
    import json

    labels, a, b, plan = experiment
    report = compare_all(labels, {"A": a, "B": b, "C": a}, **plan)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))
