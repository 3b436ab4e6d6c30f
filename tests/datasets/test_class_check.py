import pytest

from mmleaves.datasets.class_check import check_same_classes, check_trained_classes


def test_equal_classes_pass():
    check_same_classes(("acer", "tilia"), ["acer", "tilia"], other_name="val")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            ("acer", "zelkova"),
            r"val: found 'zelkova', which train lacks, expected the 2",
        ),
        (("acer",), r"val: found 1 classes, expected the 2 of train, so 'tilia' too"),
        (("tilia", "acer"), r"val: found 'tilia' as class 0, expected 'acer' as in tr"),
    ],
)
def test_other_classes_are_refused_by_name(other, message):
    with pytest.raises(ValueError, match=message):
        check_same_classes(("acer", "tilia"), other, other_name="val")


def test_classes_with_images_to_train_with_pass():
    check_trained_classes(("acer", "tilia"), [1, 0, 1], {"val": [0]})


def test_a_class_without_an_image_to_train_with_is_refused_by_name():
    message = (
        r"train: found no image of 'acer', 'tilia', expected one or more of each of "
        r"the 3 classes \(there are 2 in val and 1 in test\)"
    )
    with pytest.raises(ValueError, match=message):
        check_trained_classes(
            ("acer", "ginkgo", "tilia"), [1, 1], {"val": [0, 2], "test": [2, 1]}
        )


def test_many_classes_are_counted():
    with pytest.raises(ValueError, match=r"'7' and 2 more, .*none elsewhere"):
        check_trained_classes([str(n) for n in range(11)], [10])
