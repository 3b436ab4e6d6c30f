import numpy as np

from mmleaves.datasets.class_table import class_table


def test_each_class_has_its_label_counts_and_weight():
    labels = {"train": np.array([0, 0, 1]), "val": np.array([1])}
    assert class_table(["benign", "银杏"], labels, [1.0, 2.5]).splitlines() == [
        "class   label  train    val  loss weight",
        "benign      0      2      0            1",
        "银杏        1      1      1          2.5",
    ]


def test_many_classes_are_summed_up_with_the_empty_ones():
    classes = [str(i) for i in range(31)]
    labels = {"train": np.arange(31), "val": np.zeros(4, int)}
    assert class_table(classes, labels, None) == (
        "31 classes: 31 images in train (1 to 1 a class), "
        "4 images in val (0 to 4 a class)."
    )
