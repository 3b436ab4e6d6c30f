"""Calibration error and temperature scaling."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import outcomes
from mmleaves.report.reliability import calibration, fit_temperature, reliability


def drawn(seed, *, images=3000, too_sure=1.0, folds=5, repeats=1):
    """Outcomes whose labels were drawn from their probabilities, then sharpened."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(images, 3))
    probs = softmax(logits, axis=1)
    labels = (rng.random((images, 1)) > probs.cumsum(axis=1)).sum(axis=1)
    sharp = np.tile(softmax(too_sure * logits, axis=1), (repeats, 1, 1))
    split, train = None, 1000
    if folds:
        split = np.tile(np.arange(images) % folds, (repeats, 1))
        train = None
    design = Design(labels, ("a", "b", "c"), repeats, split, train)
    return outcomes(sharp, design, "x"), design


def test_the_error_is_the_mean_distance_by_bins():
    # Confidence 0.6 right in 1 of 5, and 0.9 right in 5 of 5: (0.4 + 0.1) / 2.
    probs = np.array([[[0.6, 0.4]] * 5 + [[0.9, 0.1]] * 5])
    design = Design(np.array([0, 1, 1, 1, 1, 0, 0, 0, 0, 0]), ("a", "b"), 1)
    found = calibration(probs, design)
    assert found.ece == pytest.approx(25)
    assert found.nll == pytest.approx(
        -(np.log(0.6) + 4 * np.log(0.4) + 5 * np.log(0.9)) / 10
    )
    low, high = found.bins
    assert (low.count, low.confidence, low.right) == (5, pytest.approx(0.6), 0.2)
    assert (high.count, high.confidence, high.right) == (5, pytest.approx(0.9), 1)


def test_repeats_make_no_interval_narrower():
    one, three = (
        calibration(said.probs, design)
        for said, design in (drawn(0, images=100, repeats=r) for r in (1, 3))
    )
    assert [b.count for b in three.bins] == [3 * b.count for b in one.bins]
    for a, b in zip(one.bins, three.bins, strict=True):
        assert (a.low, a.high) == (pytest.approx(b.low), pytest.approx(b.high))


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_what_was_done(too_sure):
    said, design = drawn(1, too_sure=too_sure)
    found = reliability(said, design)
    assert found.temperatures == pytest.approx([too_sure] * 5, rel=0.1)
    assert found.after.ece < 3
    assert (found.before.ece > 5) == (too_sure != 1.0)
    assert found.after.nll <= found.before.nll + 1e-3


def test_what_is_perfect_shows_the_error_of_chance():
    said, design = drawn(2, images=400)
    found = reliability(said, design)
    assert 0 < found.chance_ece < found.chance_high
    assert found.before.ece < 1.5 * found.chance_high


def test_a_fold_plays_no_part_in_its_own_temperature():
    said, design = drawn(3, images=200, too_sure=2.0)
    first = reliability(said, design).temperatures
    here = design.folds[0] == 0
    # Other outputs, other labels.
    probs = said.probs.copy()
    probs[0, here] = softmax(
        np.random.default_rng(0).normal(size=(here.sum(), 3)), axis=1
    )
    labels = np.where(here, (design.labels + 1) % 3, design.labels)
    changed = Design(labels, design.classes, 1, design.folds)
    second = reliability(outcomes(probs, changed, "x"), changed).temperatures
    assert second[0] == first[0]
    assert all(a != b for a, b in zip(first[1:], second[1:], strict=True))


def test_a_hold_out_is_dealt_into_five_parts():
    said, design = drawn(4, folds=None, too_sure=2.0, repeats=2)
    found = reliability(said, design)
    assert len(found.temperatures) == 10
    assert found.temperatures == pytest.approx([2.0] * 10, rel=0.1)


def test_probabilities_of_0_and_1_have_a_temperature():
    logs = np.log(np.maximum(np.eye(2)[[0, 0, 1, 1, 0]], 1e-12))
    # All right: the sharper the likelier. One of five wrong: far from so sure.
    assert fit_temperature(logs, np.array([0, 0, 1, 1, 0])) == pytest.approx(0.05, 1e-2)
    assert fit_temperature(logs, np.array([0, 0, 1, 1, 1])) == pytest.approx(
        np.log(1e12) / np.log(4), rel=1e-3
    )


def test_scaling_leaves_the_named_class():
    said, _ = drawn(5, images=300, too_sure=3.0)
    scaled = log_softmax(np.log(said.probs) / 3, axis=-1)
    assert (scaled.argmax(axis=-1) == said.predicted).all()
