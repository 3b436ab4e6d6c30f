import numpy as np
import pytest

from mmleaves.evidence.design import Design
from mmleaves.evidence.thresholds import even_threshold, said_positive


def test_the_even_threshold_by_hand():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
    positive = np.array([False, False, True, False, True, True])
    # From 0.3 on: 3 of 3 found, 2 of 3 spared. From 0.4 on: 2 and 2. From 0.6 on: 2 and
    # 3. The lower one is 2 of 3 each time.
    assert even_threshold(scores, positive) == 0.3
    # From 0.4 on: 3 of 4 found, 3 of 4 spared, where the highest sum is elsewhere: from
    # 0.7 on, 2 of 4 and 4 of 4, and from 0.2 on, 4 of 4 and 2 of 4, are as much.
    scores = np.array([0.1, 0.1, 0.3, 0.6, 0.2, 0.4, 0.7, 0.8])
    positive = np.arange(8) >= 4
    assert even_threshold(scores, positive) == 0.4


def test_a_fold_is_held_against_the_threshold_of_the_others():
    labels = np.tile([0, 1], 6)
    folds = np.repeat([0, 1, 2], 4)[None]
    design = Design(labels, ("a", "b"), 1, folds)
    scores = np.tile([0.2, 0.6, 0.2, 0.7], 3).astype(float)
    # In fold 2 all scores are low: by the others' threshold of 0.6 none is positive.
    scores[8:] = [0.1, 0.3, 0.1, 0.5]
    said = said_positive(scores[None], labels == 1, design)[0]
    assert said[8:].tolist() == [False] * 4
    # For folds 0 and 1 the other two say 0.3: all four positive ones are found.
    assert said[:8].tolist() == [False, True, False, True] * 2


def test_neither_label_nor_score_of_an_image_moves_its_own_threshold():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    folds = rng.permutation(np.arange(40) // 2 % 4)[None]
    design = Design(labels, ("a", "b"), 1, folds)
    scores = rng.random((1, 40))
    before = said_positive(scores, labels == 1, design)
    # Another label in fold 0 changes nothing in what fold 0 is called.
    here = folds[0] == 0
    flipped = np.where(here, 1 - labels, labels)
    after = said_positive(scores, flipped == 1, design)
    assert (before[0, here] == after[0, here]).all()
    # Nor does another score there, but for the image that has it.
    moved = scores.copy()
    moved[0, np.flatnonzero(here)[0]] = 2.0
    after = said_positive(moved, labels == 1, design)[0, here]
    assert after.tolist() == [True, *before[0, here][1:]]


def test_folds_without_a_class_are_refused():
    labels = np.repeat([0, 1], 6)
    design = Design(labels, ("a", "b"), 1, labels[None])
    with pytest.raises(
        ValueError, match="repeat 0: the folds other than 0 have images"
    ):
        said_positive(np.random.rand(1, 12), labels == 1, design)
