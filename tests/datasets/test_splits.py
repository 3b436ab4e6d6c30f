import pytest

from mmleaves.datasets.class_sizes import sizes_by_count, sizes_by_fraction
from mmleaves.datasets.splits import ALWAYS_TRAIN, split_classes, stratified_folds


@pytest.mark.parametrize(
    ("n_images", "train", "val", "expected"),
    [
        (10, 0.6, 0.2, (6, 2)),
        (4, 0.6, 0.2, (2, 1)),  # 0.8 and 0.8 round up to 1 and 1.
        (2, 0.6, 0.2, (2, 0)),
        (1, 0.1, 0.45, (1, 0)),
        (2, 0.1, 0.45, (1, 0)),  # 0.9 and 0.9 to 1 and 1; one goes back to training.
        (5, 0.8, 0.1, (3, 1)),  # 0.5 and 0.4999… both round up to 1.
        (7, 0.9, 0.1, (6, 1)),
        (3, 1.0, 0.0, (3, 0)),
    ],
)
def test_shares_are_rounded_and_leave_one_to_train_with(n_images, train, val, expected):
    assert sizes_by_fraction(train, val)("acer", n_images) == expected


def test_a_split_drawn_today_stays_the_same():
    labels = ["acer"] * 6 + ["tilia"] * 6
    parts = split_classes(labels, sizes_by_count(4, 1), seed=0)
    # The order drawn is 3 4 1 5 2 0 for acer and 0 3 2 1 5 4 for tilia.
    acer = ["test", "train", "test", "train", "train", "val"]
    tilia = ["train", "val", "train", "train", "test", "test"]
    assert parts.tolist() == acer + tilia


def test_a_split_depends_on_the_class_and_not_on_its_place():
    sizes = sizes_by_count(4, 1)
    alone = split_classes(["tilia"] * 6, sizes, seed=5)
    mixed = split_classes(["acer", "tilia"] * 6, sizes, seed=5)
    assert mixed[1::2].tolist() == alone.tolist()


def test_folds_drawn_today_stay_the_same():
    folds = stratified_folds(list("aaaabbbbc"), 2, seed=0)
    assert folds.tolist() == [1, 1, 0, 0, 0, 1, 0, 1, ALWAYS_TRAIN]
