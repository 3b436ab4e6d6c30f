"""A picture of predictions with their images."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from mmleaves.evidence.predictions import Predictions

RIGHT, WRONG, UNKNOWN = "#1a7f37", "#cf222e", "#57606a"


def draw_sheet(
    predictions: Predictions,
    path: str,
    *,
    labels: Sequence[str] | None = None,
    count: int = 24,
) -> None:
    """Draw images under their predicted class and its probability, as a PNG.

    Without labels the least certain come first; with labels the wrong ones do, and the
    rest of the sheet shows right ones, evenly from the least to the most certain.

    Args:
        predictions: What to draw.
        path: File to write.
        labels: True labels, N of them, or None where nobody knows them.
        count: How many images to draw at the most.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image, ImageOps

    chosen = _choose(predictions, labels, count)
    columns = min(8, len(chosen))
    rows = ceil(len(chosen) / columns)
    figure = Figure(figsize=(1.75 * columns, 2.15 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, i in zip(grid, chosen, strict=False):
        with Image.open(predictions.paths[i]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((256, 256))
        axes.imshow(np.asarray(upright))
        said, prob = predictions.labels[i], predictions.probs[i].max()
        title, colour = f"{said}\n{prob:.0%}", UNKNOWN
        if labels is not None:
            colour = RIGHT if said == labels[i] else WRONG
            title += "" if said == labels[i] else f", is {labels[i]}"
        axes.set_title(title, fontsize=7, color=colour, parse_math=False)
    if labels is not None:
        right = sum(a == b for a, b in zip(predictions.labels, labels, strict=True))
        figure.suptitle(
            f"{right} of {len(labels)} right; drawn: {len(chosen)}, wrong ones first",
            fontsize=10,
        )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _choose(
    predictions: Predictions, labels: Sequence[str] | None, count: int
) -> list[int]:
    order = np.argsort(predictions.probs.max(axis=1), kind="stable").tolist()
    if labels is None:
        return order[:count]
    wrong = [i for i in order if predictions.labels[i] != labels[i]]
    right = [i for i in order if predictions.labels[i] == labels[i]]
    wrong = wrong[: max(count // 2, count - len(right))]
    places = np.linspace(0, len(right) - 1, min(count - len(wrong), len(right)))
    return wrong + [right[round(place)] for place in places]
