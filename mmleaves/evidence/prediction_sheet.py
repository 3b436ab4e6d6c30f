"""A picture of predictions with their images."""

import warnings
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

    Raises:
        ValueError: If ``path`` is no ``.png``, or ``count`` is below 1.
        FileNotFoundError: If an image is not there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from mmleaves.transforms.load_image import read_image

    font = {"fontfamily": _fonts()}
    names = predictions.labels
    if Path(path).suffix != ".png":
        raise ValueError(f"The picture {path} should have a name that ends in .png.")
    if count < 1:
        raise ValueError(f"count is {count}, expected 1 or more.")
    chosen = _choose(predictions, labels, count)
    columns = min(8, len(chosen))
    rows = ceil(len(chosen) / columns)
    figure = Figure(figsize=(1.75 * columns, 2.1 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, i in zip(grid, chosen, strict=False):
        if not Path(predictions.paths[i]).is_file():
            raise FileNotFoundError(
                f"There is no image {predictions.paths[i]}. Say by --images which "
                "folder the table's image names start from."
            )
        axes.imshow(read_image(predictions.paths[i])[..., ::-1])
        said, prob = names[i], predictions.probs[i].max()
        title, colour = f"{said}\n{prob:.0%}", UNKNOWN
        if labels is not None:
            colour = RIGHT if said == labels[i] else WRONG
            title += "" if said == labels[i] else f", truth: {labels[i]}"
        axes.set_title(title, fontsize=7, color=colour, parse_math=False, **font)
    if labels is not None:
        right = sum(a == b for a, b in zip(names, labels, strict=True))
        figure.suptitle(
            f"{right} of {len(labels)} right; drawn: {len(chosen)}, wrong ones first",
            fontsize=10,
        )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Where no such font is installed, boxes stand for the characters.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path, dpi=120)


def _fonts() -> list[str]:
    """Return matplotlib's own font and those here that have Chinese class names."""
    from matplotlib.font_manager import fontManager

    chinese = (
        "Noto Sans CJK SC",
        "Noto Sans SC",
        "Source Han Sans SC",
        "WenQuanYi Zen Hei",
        "Microsoft YaHei",
        "SimHei",
        "PingFang SC",
        "Arial Unicode MS",
    )
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in chinese if name in installed)]


def _choose(
    predictions: Predictions, labels: Sequence[str] | None, count: int
) -> list[int]:
    order = np.argsort(predictions.probs.max(axis=1), kind="stable").tolist()
    if labels is None:
        return order[:count]
    said = predictions.labels
    wrong = [i for i in order if said[i] != labels[i]]
    right = [i for i in order if said[i] == labels[i]]
    wrong = wrong[: max(count // 2, count - len(right))]
    places = np.linspace(0, len(right) - 1, min(count - len(wrong), len(right)))
    return wrong + [right[round(place)] for place in places]
