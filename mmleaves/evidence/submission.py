"""A Kaggle submission: image,label."""

import csv
from dataclasses import dataclass
from pathlib import Path

from mmleaves.datasets.csv_table import read_columns
from mmleaves.evidence.predictions import Predictions


@dataclass(frozen=True)
class SampleSubmission:
    """What a competition asks for.

    Args:
        file: Where it was read.
        images: Names of the images to predict.
    """

    file: str
    images: frozenset[str]


def read_sample(path: str) -> SampleSubmission:
    """Read a competition's sample submission.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table with the columns image and label.
    """
    columns = {"image": "image", "label": "label"}
    rows = read_columns(path, columns)
    return SampleSubmission(path, frozenset(image for _, image, _ in rows))


def write_submission(
    predictions: Predictions, path: str, *, sample: SampleSubmission | None = None
) -> None:
    """Write ``image,label``, in the order of the images.

    Args:
        predictions: What to submit.
        path: File to write.
        sample: What the competition asks for, to check against before writing.

    Raises:
        ValueError: If it asks for other images; then nothing is written.
    """
    if sample is not None:
        check_submission(predictions, sample)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label"])
        writer.writerows(zip(predictions.images, predictions.labels, strict=True))


def check_submission(predictions: Predictions, sample: SampleSubmission) -> None:
    """Compare the predicted images with those that a competition asks for.

    Raises:
        ValueError: If one is missing, not asked for, or there twice.
    """
    ours = frozenset(predictions.images)
    missing, extra = sample.images - ours, ours - sample.images
    repeated = len(predictions.images) - len(ours)
    if missing or extra or repeated:
        raise ValueError(
            f"{sample.file} asks for {len(sample.images)} images, the predictions "
            f"have {len(predictions.images)}: {len(missing)} are missing"
            f"{_example(missing)}, {len(extra)} are not asked for{_example(extra)}, "
            f"{repeated} are there twice. Predict the images of the competition's "
            "test.csv."
        )


def _example(images: frozenset[str]) -> str:
    return f" (such as {min(images)})" if images else ""
