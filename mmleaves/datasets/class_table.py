"""A table of the classes, for the log."""

from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len


def class_table(
    classes: Sequence[str],
    labels: dict[str, np.ndarray],
    loss_weights: list[float] | None,
) -> str:
    """Return a line a class: its label, images in each part, and weight in the loss.

    Args:
        classes: Class names, C of them; of more than 30, only the range of counts is
            given.
        labels: Class of each image, (N,), 0 to C - 1, by the part's name.
        loss_weights: C of them, or None.
    """
    counts = {
        name: np.bincount(part, minlength=len(classes)) for name, part in labels.items()
    }
    if len(classes) > 30:
        ranges = ", ".join(
            f"{count.sum()} images in {name} ({count.min()} to {count.max()} a class)"
            for name, count in counts.items()
        )
        return f"{len(classes)} classes: {ranges}."
    width = max(map(cell_len, classes))
    header = "class" + " " * (width - 5) + "  label"
    header += "".join(f"{name:>7}" for name in counts)
    lines = [header + ("  loss weight" if loss_weights else "")]
    for label, name in enumerate(classes):
        padded = name + " " * (width - cell_len(name))
        numbers = "".join(f"{count[label]:7}" for count in counts.values())
        weight = f"{loss_weights[label]:13.4g}" if loss_weights else ""
        lines.append(f"{padded}  {label:5}{numbers}{weight}")
    return "\n".join(lines)
