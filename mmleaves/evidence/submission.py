"""A Kaggle submission: image,label."""

import csv
from pathlib import Path

from mmleaves.evidence.predictions import Predictions


def write_submission(
    predictions: Predictions, path: str, *, sample: str | None = None
) -> None:
    """Write ``image,label``, in the order of the images.

    Args:
        predictions: What to submit.
        path: File to write.
        sample: The competition's sample submission, to check against before writing.

    Raises:
        ValueError: If the sample asks for other images, columns or labels; then nothing
            is written.
    """
    rows = list(zip(predictions.images, predictions.labels, strict=True))
    if sample is not None:
        check_submission(rows, sample)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label"])
        writer.writerows(rows)


def check_submission(rows: list[tuple[str, str]], sample: str) -> None:
    """Compare ``rows`` of image and label with what a sample submission asks for.

    Raises:
        ValueError: If its header is not image,label, or its images are others.
    """
    with Path(sample).open(newline="", encoding="utf-8-sig") as file:
        header, *wanted = csv.reader(file)
    if header != ["image", "label"]:
        raise ValueError(
            f"{sample}, line 1: found the columns {','.join(header)}, expected "
            "image,label. Is it the sample submission of this competition?"
        )
    ours = [image for image, _ in rows]
    theirs = [row[0] for row in wanted if row]
    missing, extra = set(theirs) - set(ours), set(ours) - set(theirs)
    if missing or extra or len(ours) != len(theirs):
        raise ValueError(
            f"{sample} asks for {len(theirs)} images, the predictions have "
            f"{len(ours)}: {len(missing)} are missing{_example(missing)}, "
            f"{len(extra)} are not asked for{_example(extra)}. Predict the images of "
            "the competition's test.csv."
        )


def _example(images: set[str]) -> str:
    return f" (such as {min(images)})" if images else ""
