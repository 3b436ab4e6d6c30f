"""ROC curves against scikit-learn, and their band."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import outcomes
from mmleaves.report.roc import GRID, roc


def made(seed, *, images=60, classes=2, repeats=1, folds=None, gap=1.0):
    """Probabilities, (R, n, C), that know something of the labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    scores = rng.normal(size=(repeats, images, classes)) + gap * np.eye(classes)[labels]
    # Two digits, so that some are equal.
    scores = scores.round(1)
    probs = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    if folds:
        rows = [rng.permutation(np.arange(images) % folds) for _ in range(repeats)]
        folds = np.array(rows)
    names = tuple("abcdef"[:classes])
    train = None if folds is not None or repeats == 1 else 100
    design = Design(labels, names, repeats, folds, train)
    return outcomes(probs, design, "x"), design


@pytest.mark.parametrize("classes", [2, 3])
def test_one_run_is_scikit_learns_curve(classes):
    said, design = made(0, classes=classes)
    found = roc(said, design, 1)
    kind = design.labels == 1
    called, hit, _ = roc_curve(kind, said.probs[0, :, 1], drop_intermediate=False)
    # At a rate at which the curve rises, the highest.
    assert found.found == pytest.approx(np.interp(GRID, called, hit))
    assert found.auroc == pytest.approx(100 * roc_auc_score(kind, said.probs[0, :, 1]))
    assert found.positive == "b"


def test_runs_are_averaged_and_not_thrown_together():
    said, design = made(1, repeats=2, folds=3)
    found = roc(said, design, 1)
    curves = []
    for repeat in range(2):
        for fold in range(3):
            here = design.folds[repeat] == fold
            called, hit, _ = roc_curve(
                design.labels[here],
                said.probs[repeat, here, 1],
                drop_intermediate=False,
            )
            curves.append(np.interp(GRID, called, hit))
    assert found.found == pytest.approx(np.mean(curves, axis=0))


def test_the_band_holds_the_curve_and_shrinks_with_more_images():
    few, many = (roc(*made(2, images=images), 1) for images in (40, 640))
    for one in (few, many):
        assert (one.low <= one.found).all() and (one.found <= one.high).all()
        assert one.auroc_low < one.auroc < one.auroc_high
    assert np.mean(many.high - many.low) < 0.5 * np.mean(few.high - few.low)


def test_the_interval_of_the_area_covers_the_truth():
    # Two normal distributions one apart: the area is Phi(1 / sqrt(2)), of differences
    # of two scores each, as softmax compares them: Phi(1) = 0.8413.
    found = [roc(*made(seed, images=100), 1, seed=seed) for seed in range(40)]
    inside = [one.auroc_low <= 84.13 <= one.auroc_high for one in found]
    assert sum(inside) >= 34


def test_a_run_that_lacks_a_class_has_no_say():
    said, design = made(3, images=40, folds=4)
    folds = design.folds.copy()
    folds[0] = np.where(design.labels == 1, folds[0] % 3, folds[0])
    lacking = Design(design.labels, design.classes, 1, folds)
    found = roc(said, lacking, 1)
    assert np.isfinite(found.found).all() and np.isfinite(found.low).all()


def test_a_class_without_images_has_no_curve():
    said, design = made(4)
    other = Design(design.labels, ("a", "b", "c"), 1)
    probs = np.concatenate([said.probs, np.zeros((1, 60, 1))], axis=-1)
    with pytest.raises(ValueError, match="the class 'c' has 0 of the 60 scored images"):
        roc(outcomes(probs, other, "x"), other, 2)
