import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import outcomes
from mmleaves.evidence.score_sums import available, score_sums
from mmleaves.evidence.two_way import two_way_jackknife


def case(classes, repeats=3, n=60, folds=5, seed=0):
    """Return a design and outcomes whose probabilities have ties."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    plan = np.stack(
        [rng.permutation(np.arange(n) // classes % folds) for _ in range(repeats)]
    )
    names = tuple(map(str, range(classes)))
    design = Design(labels, names, repeats, plan if folds > 1 else None, 100)
    probs = rng.integers(1, 9, (repeats, n, classes)) + 3.0 * np.eye(classes)[labels]
    probs /= probs.sum(axis=-1, keepdims=True)
    return design, outcomes(probs, design, "A")


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_are_those_of_scikit_learn_on_all_repeats_together(classes):
    design, said = case(classes)
    truth, predicted = np.tile(design.labels, 3), said.predicted.ravel()
    expected = {
        "accuracy": np.mean(truth == predicted),
        "balanced_accuracy": balanced_accuracy_score(truth, predicted),
        "macro_f1": f1_score(truth, predicted, average="macro"),
    }
    for name, value in expected.items():
        found = score_sums(name, said, design).value
        assert found == pytest.approx(value, abs=1e-10), name


@pytest.mark.parametrize("positive", [0, 1])
def test_auroc_is_that_of_scikit_learn_in_each_run(positive):
    design, said = case(2)
    sums = score_sums("auroc", said, design, positive=positive)
    truth = np.tile(design.labels == positive, (3, 1))
    scores, pairs = [], []
    for run in range(15):
        here = design.runs == run
        kind = truth[here]
        scores.append(roc_auc_score(kind, said.probs[here][:, positive]))
        pairs.append(kind.sum() * (~kind).sum())
    np.testing.assert_allclose(sums.by_run(design), scores, atol=1e-10)
    assert sums.value == pytest.approx(np.average(scores, weights=pairs), abs=1e-10)


def test_on_a_hold_out_the_threshold_is_one_half():
    design, said = case(2, folds=1)
    truth = np.tile(design.labels, 3)
    found = (said.probs[..., 1] >= 0.5).ravel()
    for name, positive in (("sensitivity", 1), ("specificity", 0)):
        expected = recall_score(truth, found, pos_label=positive)
        assert score_sums(name, said, design).value == pytest.approx(
            expected, abs=1e-10
        )


@pytest.mark.parametrize(
    "name", ["balanced_accuracy", "macro_f1", "auroc", "sensitivity"]
)
def test_leaving_out_is_computing_again_without(name):
    """The sums less an image's, a run's or a cell's are those of the rest."""
    design, said = case(2, repeats=2, n=24, folds=3)
    sums = score_sums(name, said, design)
    total = sums.sums.sum(axis=(0, 1)) / sums.shared
    keep = np.arange(24) != 7
    rest = Design(design.labels[keep], design.classes, 2, design.folds[:, keep])
    if name != "sensitivity":  # whose threshold stays where it was
        again = score_sums(name, outcomes(said.probs[:, keep], rest, "A"), rest)
        left = sums.score(total - sums.sums.sum(axis=0)[7])
        assert left == pytest.approx(again.value, abs=1e-12)
    kept = np.where((design.runs != 4)[..., None], sums.sums, 0)
    left = sums.score(total - design.by_run(sums.sums)[4] / sums.shared)
    assert left == pytest.approx(sums.score(kept.sum(axis=(0, 1)) / sums.shared))


def test_the_jackknife_of_auroc_is_close_to_delongs_error():
    """With one run, so that both speak of the same: within 2 % at 400 images."""
    rng = np.random.default_rng(3)
    labels = np.arange(400) % 2
    design = Design(labels, ("a", "b"), 1)
    shared = rng.normal(size=400) + labels
    said = []
    for noise in (0.5, 0.8):
        p = 1 / (1 + np.exp(-shared - noise * rng.normal(size=400)))
        said.append(outcomes(np.stack([1 - p, p], axis=-1), design, "A"))
    a, b = (score_sums("auroc", one, design) for one in said)
    found = two_way_jackknife(a.sums, b.sums, a.score, design, shared=2)

    def components(scores):
        above = scores[labels == 1][:, None] > scores[labels == 0]
        return above.mean(axis=1), above.mean(axis=0)

    parts = [components(one.probs[0, :, 1]) for one in said]
    variance = sum((x - y).var(ddof=1) / 200 for x, y in zip(*parts, strict=True))
    assert found.se == pytest.approx(np.sqrt(variance), rel=0.02)


def test_what_is_not_known_is_refused_by_name():
    design, said = case(3)
    assert available(said, design) == ["accuracy", "balanced_accuracy", "macro_f1"]
    with pytest.raises(ValueError, match=r"'auroc' cannot be .* there are 3"):
        score_sums("auroc", said, design)
    right = outcomes(said.correct, design, "A")
    with pytest.raises(ValueError, match=r"'macro_f1' .* not only right or wrong"):
        score_sums("macro_f1", right, design)
    with pytest.raises(ValueError, match="no metric 'f2', expected one of accuracy"):
        score_sums("f2", said, design)
