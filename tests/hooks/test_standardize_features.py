"""What standardises extra features; of runs, see models/test_two_branch_runs.py."""

import numpy as np
import pytest

from mmleaves.hooks.standardize_features_hook import mean_and_std


def test_mean_and_deviation_are_those_of_numpy_in_float64():
    features = np.random.default_rng(0).normal(1e4, 3, (50, 4)).astype(np.float32)
    mean, std = mean_and_std(features, "abcd")
    np.testing.assert_allclose(mean, features.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, features.astype(float).std(axis=0), rtol=1e-12)


def test_two_numbers_by_hand():
    mean, std = mean_and_std(np.float32([[1, 10], [3, 30]]), ["a", "b"])
    assert mean.tolist() == [2, 20]
    assert std.tolist() == [1, 10]


def test_columns_with_one_number_only_are_refused_by_name():
    features = np.float32([[1, 0.1, 5], [2, 0.1, 5]])
    message = (
        r"found the same number for all 2 training images under 'sd' \(0\.1\), 'max' "
        r"\(5\), expected features that differ\. Take the columns out"
    )
    with pytest.raises(ValueError, match=message):
        mean_and_std(features, ["mean", "sd", "max"])
