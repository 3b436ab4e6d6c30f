"""How images are dealt out to folds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmleaves.datasets.splits import ALWAYS_TRAIN, stratified_folds
from mmleaves.experiments.folds import deal_folds


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 25)), min_size=30, max_size=80
    ),
)
def test_folds_divide_no_group_and_leave_each_class_to_train_with(seed, rows):
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    try:
        fold_of = deal_folds([str(label) for label in labels], groups, 3, seed)
    except ValueError as error:
        assert "found" in str(error)
        return
    for group in set(groups.tolist()):
        assert len(set(fold_of[groups == group].tolist())) == 1
    for fold in range(3):
        assert (fold_of == fold).any()
        assert set(labels[fold_of != fold].tolist()) == set(labels.tolist())
    again = deal_folds([str(label) for label in labels], groups, 3, seed)
    assert (fold_of == again).all()


def test_without_groups_the_folds_are_the_stratified_ones():
    labels = [str(i % 3) for i in range(40)]
    dealt = deal_folds(labels, list(range(40)), 4, 7)
    assert dealt.tolist() == stratified_folds(labels, 4, 7).tolist()


def test_the_only_group_of_a_class_is_always_trained_on():
    labels = ["a"] * 20 + ["b"] * 4
    groups = [*range(18), 18, 18, 19, 19, 19, 19]
    fold_of = deal_folds(labels, groups, 3, 0)
    assert (fold_of[20:] == ALWAYS_TRAIN).all()
    assert set(fold_of[:20].tolist()) == {0, 1, 2}


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match=r"found 2 groups .*, expected at least 3"):
        deal_folds(["a", "b"] * 6, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], 3, 0)
