"""Intervals, drawn as wide as there is room."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from mmleaves.report.markup import MINUS, element

HEIGHT_PX = 58
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Scale:
    """From what to what an axis goes.

    Args:
        low: Left end.
        high: Right end.
    """

    low: float
    high: float

    def at(self, value: float) -> str:
        """Return where a value stands, percent of the width."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(1.0, max(0.0, share)):.2f}%"

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values within, ``most`` of them or fewer."""
        for step in STEPS:
            first, last = np.ceil(self.low / step), np.floor(self.high / step)
            if last - first < most:
                return [float(i * step) + 0.0 for i in np.arange(first, last + 1)]
        return [self.low, self.high]


def difference_scale(ends: Sequence[float], margin: float) -> Scale:
    """Return an axis for differences, with 0 in the middle and room at both ends."""
    widest = 1.08 * max(margin, *(abs(end) for end in ends))
    return Scale(-widest, widest)


def difference_interval(
    points: float,
    low: float,
    high: float,
    *,
    scale: Scale,
    margin: float,
    label: str,
) -> Markup:
    """Draw a difference with its interval, and the margin as a band around 0.

    Args:
        points: The difference.
        low: Lower end of its interval.
        high: Upper end.
        scale: The axis.
        margin: Half the width of the band.
        label: What it shows, for those who cannot see it.
    """
    left, right = scale.at(-margin), scale.at(margin)
    width = f"{float(right[:-1]) - float(left[:-1]):.2f}%"
    middle = 18
    parts = [
        element("rect", x=left, y=0, width=width, height=36, class_="band"),
        _vertical(scale.at(0), 0, 36, "zero"),
        element(
            "line",
            x1=scale.at(low),
            x2=scale.at(high),
            y1=middle,
            y2=middle,
            class_="interval",
        ),
        _vertical(scale.at(low), middle - 6, middle + 6, "interval"),
        _vertical(scale.at(high), middle - 6, middle + 6, "interval"),
        element("circle", cx=scale.at(points), cy=middle, r=5, class_="dot"),
        element("line", x1="0%", x2="100%", y1=38, y2=38, class_="axis"),
    ]
    for tick in scale.ticks():
        parts.append(_vertical(scale.at(tick), 38, 42, "axis"))
        shown = f"{tick:+g}" if tick else "0"
        parts.append(
            element(
                "text",
                shown.replace("-", MINUS),
                x=scale.at(tick),
                y=55,
                class_="tick",
                text_anchor="middle",
            )
        )
    return _drawing(label, HEIGHT_PX, parts)


def share_interval(
    value: float, low: float, high: float, *, color: int, label: str
) -> Markup:
    """Draw a percentage with its interval on an axis from 0 to 100.

    Args:
        value: Percent, 0 to 100.
        low: Lower end of its interval.
        high: Upper end.
        color: Which series' colour.
        label: What it shows, for those who cannot see it.
    """
    scale = Scale(0, 100)
    width = f"{float(scale.at(high)[:-1]) - float(scale.at(low)[:-1]):.2f}%"
    parts = [
        element("line", x1="0%", x2="100%", y1=7, y2=7, class_="axis"),
        element("rect", x=scale.at(low), y=3, width=width, height=8, class_="range"),
        element("circle", cx=scale.at(value), cy=7, r=4, class_="mark"),
    ]
    return _drawing(label, 14, parts, class_=f"share s{color}")


def _vertical(x: str, y1: int, y2: int, kind: str) -> Markup:
    return element("line", x1=x, x2=x, y1=y1, y2=y2, class_=kind)


def _drawing(
    label: str, height_px: int, parts: list[Markup], *, class_: str = "difference"
) -> Markup:
    # Ends at 0 % and 100 % are not cut off: see `overflow` in the style.
    return element(
        "svg",
        element("title", label),
        *parts,
        class_=class_,
        width="100%",
        height=height_px,
        role="img",
    )
