"""Recall, precision and confusion of classes, worked out by hand."""

import numpy as np
import pytest

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import outcomes
from mmleaves.report.class_scores import class_scores, confusion, top_confusions

# Five of a, five of b, none of c.
LABELS = np.repeat([0, 1], 5)
SAID = np.array([[0, 0, 0, 1, 2, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]])


@pytest.fixture
def design():
    return Design(LABELS, ("a", "b", "c"), 2, train_images=90)


def test_recall_precision_and_calls(design):
    a, b, c = class_scores(outcomes(SAID, design, "x"), design)
    assert (a.images, a.recall, a.said) == (5, pytest.approx(70), 4)
    assert a.precision == pytest.approx(100 * 7 / 8)
    # Wilson's interval of 3.5 in 5.
    assert (a.low, a.high) == (
        pytest.approx(29.8791, abs=1e-4),
        pytest.approx(92.7416, abs=1e-4),
    )
    assert (b.images, b.recall, b.said) == (5, pytest.approx(90), 5.5)
    assert b.precision == pytest.approx(100 * 9 / 11)
    assert (c.images, c.recall, c.low, c.precision, c.said) == (0, None, None, 0, 0.5)


def test_confusion_is_the_mean_over_repeats(design):
    counts = confusion(outcomes(SAID, design, "x"), design)
    assert counts.tolist() == [[3.5, 1, 0.5], [0.5, 4.5, 0], [0, 0, 0]]
    assert top_confusions(counts, 2) == [(0, 1), (0, 2)]
    assert top_confusions(counts, 9) == [(0, 1), (0, 2), (1, 0)]


def test_right_and_wrong_alone_have_no_confusion(design):
    said = outcomes(SAID == LABELS, design, "x")
    assert confusion(said, design) is None
    first = class_scores(said, design)[0]
    assert (first.recall, first.precision, first.said) == (
        pytest.approx(70),
        None,
        None,
    )
