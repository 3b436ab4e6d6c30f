import numpy as np
import pytest
from sklearn.linear_model import Ridge

from mmleaves.calibration.ridge import cross_validate, fit_and_score


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 7)), np.arange(60) % 3
    features[:, 0] += labels
    return features, labels, rng.permutation(np.arange(60) % 4)


def by_scikit_learn(features, labels, scored, ridge):
    """The same with a column of ones for the bias, which is penalised too."""
    inputs, others = (np.c_[part, np.ones(len(part))] for part in (features, scored))
    penalty = ridge * np.trace(inputs.T @ inputs) / inputs.shape[1]
    head = Ridge(alpha=penalty, fit_intercept=False)
    return head.fit(inputs, np.eye(3)[labels]).predict(others).argmax(1)


def test_a_head_is_that_of_scikit_learn(data):
    features, labels, _ = data
    found = fit_and_score(features[:40], labels[:40], features[40:], 0.1)
    expected = by_scikit_learn(features[:40], labels[:40], features[40:], 0.1)
    np.testing.assert_array_equal(found, expected)


def test_each_fold_is_scored_by_a_head_that_has_not_seen_it(data):
    features, labels, folds = data
    found = cross_validate(features, labels, folds, 0.1)
    for fold in range(4):
        here = folds == fold
        expected = by_scikit_learn(features[~here], labels[~here], features[here], 0.1)
        np.testing.assert_array_equal(found[here], expected)
