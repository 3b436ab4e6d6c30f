"""The figures of a page."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from mmleaves.evidence.measured import Measured
from mmleaves.report.curves import Curve
from mmleaves.report.intervals import Scale, difference_interval
from mmleaves.report.markup import cut, element
from mmleaves.report.plot import Plot
from mmleaves.report.reliability import Reliability
from mmleaves.report.roc import Roc

COLORS = 6


def color(recipes: Sequence[str], name: str) -> int:
    """Return which of the six colours a recipe has."""
    return list(recipes).index(name) % COLORS


def verdict_figure(found: Measured, scale: Scale, margin: float) -> Markup:
    """Draw the difference of a verdict with its 95 % interval."""
    label = (
        f"{found.a} less {found.b}: {found.points:+.1f} points, 95 % interval "
        f"{found.low:+.1f} to {found.high:+.1f}"
    )
    return difference_interval(
        found.points, found.low, found.high, scale=scale, margin=margin, label=label
    )


def roc_figure(curves: Mapping[str, Roc], name: str) -> Markup:
    """Draw the ROC curve of one recipe with its band, and those of the others thin."""
    one = curves[name]
    plot = Plot(
        (0, 1),
        (0, 1),
        x_label=f"of the others, called {cut(one.positive)}",
        y_label=f"of {cut(one.positive)}, found",
        label=f"ROC curve of {name} for {one.positive}",
    )
    plot.line((0, 1), (0, 1), class_="chance")
    own = f"s{color(list(curves), name)}"
    plot.band(one.rates, one.low, one.high, class_=f"area {own}")
    for other, curve in curves.items():
        if other != name:
            plot.line(*_from_corner(curve), class_="other")
    plot.line(*_from_corner(one), class_=f"line {own}")
    return plot.drawn()


def reliability_figure(found: Reliability, name: str, color: int) -> Markup:
    """Draw how often predictions are right by confidence, before and after scaling."""
    plot = Plot(
        (0, 1),
        (0, 1),
        x_label="confidence",
        y_label="right",
        label=f"Reliability of {name}",
    )
    total = sum(one.count for one in found.before.bins)
    for one in found.before.bins:
        # The bins' width is that of the histogram, a quarter as high as the plot.
        left = min(0.9, np.floor(one.confidence * 10) / 10)
        height = one.count / total / 4
        plot.bar((left + 0.01, left + 0.09), height, class_="bars")
    plot.line((0, 1), (0, 1), class_="chance")
    own = f"s{color}"
    for one in found.before.bins:
        x = one.confidence
        plot.line((x, x), (one.low, one.high), class_=f"line {own}")
        plot.point(x, one.right, class_=f"mark {own}")
    scaled = found.after.bins
    xs, ys = [one.confidence for one in scaled], [one.right for one in scaled]
    plot.line(xs, ys, class_=f"dashed {own}")
    for x, y in zip(xs, ys, strict=True):
        plot.point(x, y, class_=f"hollow {own}")
    return plot.drawn()


def curves_figure(curves: Sequence[Curve], name: str, recipes: Sequence[str]) -> Markup:
    """Draw one quantity over the epochs of all runs."""
    epochs = [epoch for curve in curves for epoch in curve.epochs]
    values = np.array([value for curve in curves for value in curve.values])
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low)
    plot = Plot(
        (min(epochs), max(epochs)),
        (low - room, high + room),
        x_label="epoch",
        y_label=name,
        label=f"{name} of {len(curves)} runs",
    )
    for curve in curves:
        own = f"s{color(recipes, curve.recipe)}"
        plot.line(curve.epochs, curve.values, class_=f"run {own}")
    return plot.drawn()


def heat_map(counts: np.ndarray, label: str) -> Markup:
    """Draw a confusion matrix of many classes, without its numbers.

    Args:
        counts: How many images of each class, by row, are called what, (C, C).
        label: What it shows.
    """
    size = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    cells = [
        element("rect", x=int(x), y=int(y), width=1, height=1, fill_opacity=share)
        for (y, x), share in np.ndenumerate(shares)
        if share >= 0.005
    ]
    return element(
        "svg",
        element("title", label),
        *cells,
        viewBox=f"0 0 {size} {size}",
        class_="heat",
        role="img",
    )


def _from_corner(curve: Roc) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve with its way up from nothing called so, nothing found."""
    return np.append(0, curve.rates), np.append(0, curve.found)
