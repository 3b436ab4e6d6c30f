"""How often predictions were right."""

from collections import Counter
from collections.abc import Sequence

from mmleaves.datasets.csv_table import read_columns
from mmleaves.evidence.predictions import Predictions


def read_labels(path: str, predictions: Predictions) -> list[str]:
    """Return the true label of each predicted image, from a CSV file ``image,label``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an image has no label there; names file and image.
    """
    columns = {"image": "image", "label": "label"}
    labels = {image: label for _, image, label in read_columns(path, columns)}
    missing = [image for image in predictions.images if image not in labels]
    if missing:
        raise ValueError(
            f"{path} has no label for {len(missing)} of the {len(predictions.images)} "
            f"predicted images, such as {missing[0]}. Give a file with a row for each."
        )
    return [labels[image] for image in predictions.images]


def accuracy(predicted: Sequence[str], labels: Sequence[str]) -> float:
    """Return the share of right predictions in percent, 0 to 100."""
    right = sum(a == b for a, b in zip(predicted, labels, strict=True))
    return 100 * right / len(labels)


def majority_baseline(labels: Sequence[str]) -> tuple[str, float]:
    """Return the most frequent label, and the accuracy of always saying it, percent."""
    label, count = Counter(labels).most_common(1)[0]
    return label, 100 * count / len(labels)


def summary(predictions: Predictions, labels: Sequence[str]) -> str:
    """Return the accuracy next to what always saying the most frequent class gives."""
    label, baseline = majority_baseline(labels)
    return (
        f"Accuracy on {len(labels)} images: "
        f"{accuracy(predictions.labels, labels):.1f} %. "
        f"Always saying {label!r} would give {baseline:.1f} %."
    )
