import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from mmleaves.models.class_weights import class_weights, told

CLASSES = ("benign", "malignant", "normal")
LABELS = [0] * 6 + [1] * 3 + [2]


def test_weights_by_name_come_in_label_order():
    given = dict(malignant=2, normal=0.5, benign=1)
    assert class_weights(given, CLASSES, LABELS) == [1.0, 2.0, 0.5]


def test_auto_is_what_scikit_learn_calls_balanced_and_has_mean_1_over_the_images():
    weights = class_weights("auto", CLASSES, LABELS)
    # 10 images / (3 classes x 6, 3 and 1 images)
    assert weights == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert weights == pytest.approx(balanced)
    assert np.mean([weights[label] for label in LABELS]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            dict(benign=1, malign=2, normal=1),
            "class_weight of the loss names 'malign', which is no class; there are "
            "'benign', 'malignant', 'normal'. Correct it.",
        ),
        (dict(benign=1, malignant=2), "has no weight of 'normal'. Give one for each"),
        (dict(benign=1, malignant=0, normal=1), "'malignant' has 0, expected a number"),
        (dict(benign=1, malignant="2", normal=1), "'malignant' has '2', expected a"),
        (dict(benign=1, malignant=True, normal=1), "'malignant' has True, expected a"),
        (5, "found 5, expected 'auto', weights by class name, or a list of them in"),
        ("balanced", "found 'balanced', expected 'auto', weights by class name, or a"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(given, text):
    with pytest.raises(ValueError) as error:
        class_weights(given, CLASSES, LABELS)
    assert text in str(error.value)


def test_auto_without_an_image_of_a_class_is_refused():
    with pytest.raises(ValueError, match="no training image of 'malignant' to go by"):
        class_weights("auto", CLASSES, [0, 0, 2])


def test_the_log_names_the_class_of_each_weight_and_the_formula():
    given = dict(malignant=2.0, benign=1.0)
    assert told(given, ("benign", "malignant"), [1.0, 2.0]) == (
        "Class weights, by name: benign (label 0) 1, malignant (label 1) 2."
    )
    assert told("auto", CLASSES, [0.5, 1.0, 3.0]).startswith(
        "Class weights, images / (3 classes x images of the class), 'auto': benign"
    )
    many = [f"species {i}" for i in range(176)]
    assert told("auto", many, [0.5] * 175 + [4.0]).endswith("'auto': 0.5 to 4.")
