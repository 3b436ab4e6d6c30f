"""Plots of lines, bands and points, as inline SVG that takes the page's colours."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from mmleaves.report.intervals import STEPS
from mmleaves.report.markup import MINUS, element

WIDTH_PX, HEIGHT_PX = 320, 260
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 44, 10, 8, 40


class Plot:
    """A plot with axes, to which marks are added from back to front.

    Args:
        x: From what to what the horizontal axis goes.
        y: The same of the vertical one.
        x_label: What stands below.
        y_label: What stands at the side.
        label: What it shows, for those who cannot see it.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        x_label: str,
        y_label: str,
        label: str,
    ) -> None:
        self._x, self._y = _wide(x), _wide(y)
        self._label = label
        self._marks: list[Markup] = []
        self._frame(x_label, y_label)

    def line(self, xs: Sequence[float], ys: Sequence[float], *, class_: str) -> None:
        """Add a line; it has a gap where a value is missing or not finite."""
        points = np.column_stack([xs, ys]).astype(float)
        gaps = ~np.isfinite(points).all(axis=1)
        for part in np.split(points, np.flatnonzero(gaps)):
            part = part[np.isfinite(part).all(axis=1)]
            if len(part) == 1:
                self.point(*part[0], class_=class_, radius_px=1.5)
            elif len(part):
                path = " ".join(self._at(x, y) for x, y in part)
                # Not joined with its end.
                self._marks.append(
                    element("polyline", points=path, class_=class_, fill="none")
                )

    def band(
        self,
        xs: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
        *,
        class_: str,
    ) -> None:
        """Add the area between two lines."""
        there = [self._at(x, y) for x, y in zip(xs, high, strict=True)]
        back = [self._at(x, y) for x, y in zip(xs, low, strict=True)]
        path = " ".join(there + back[::-1])
        self._marks.append(element("polygon", points=path, class_=class_))

    def point(self, x: float, y: float, *, class_: str, radius_px: float = 4.0) -> None:
        """Add a point."""
        left, top = self._place(x, y)
        self._marks.append(
            element("circle", cx=left, cy=top, r=radius_px, class_=class_)
        )

    def bar(self, x: tuple[float, float], height: float, *, class_: str) -> None:
        """Add a bar that stands on the lower axis."""
        left, top = self._place(x[0], height)
        right, bottom = self._place(x[1], self._y[0])
        self._marks.append(
            element(
                "rect",
                x=left,
                y=top,
                width=right - left,
                height=bottom - top,
                class_=class_,
            )
        )

    def drawn(self) -> Markup:
        """Return the whole plot."""
        return element(
            "svg",
            element("title", self._label),
            *self._marks,
            viewBox=f"0 0 {WIDTH_PX} {HEIGHT_PX}",
            class_="plot",
            role="img",
        )

    def _frame(self, x_label: str, y_label: str) -> None:
        left, bottom = self._place(self._x[0], self._y[0])
        right, top = self._place(self._x[1], self._y[1])
        for x in _ticks(self._x):
            at, _ = self._place(x, 0)
            self._line(at, at, bottom, top, "grid")
            self._text(_short(x), at, bottom + 15, "middle")
        for y in _ticks(self._y):
            _, at = self._place(0, y)
            self._line(left, right, at, at, "grid")
            self._text(_short(y), left - 6, at + 4, "end")
        self._line(left, right, bottom, bottom, "axis")
        self._line(left, left, bottom, top, "axis")
        self._text(x_label, (left + right) / 2, HEIGHT_PX - 4.0, "middle")
        middle = (top + bottom) / 2
        self._marks.append(
            element(
                "text",
                y_label,
                transform=f"translate(11 {middle:.0f}) rotate(-90)",
                class_="tick",
                text_anchor="middle",
            )
        )

    def _line(self, x1: float, x2: float, y1: float, y2: float, kind: str) -> None:
        self._marks.append(element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=kind))

    def _text(self, value: str, x: float, y: float, anchor: str) -> None:
        self._marks.append(
            element("text", value, x=x, y=y, class_="tick", text_anchor=anchor)
        )

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a value stands, in px from the left and from the top."""
        across = (x - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        width = WIDTH_PX - LEFT_PX - RIGHT_PX
        height = HEIGHT_PX - TOP_PX - BOTTOM_PX
        return LEFT_PX + float(across) * width, TOP_PX + (1 - float(up)) * height

    def _at(self, x: float, y: float) -> str:
        left, top = self._place(x, y)
        return f"{left:.1f},{top:.1f}"


def _wide(ends: tuple[float, float]) -> tuple[float, float]:
    """Return ends that are apart."""
    low, high = ends
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _ticks(ends: tuple[float, float]) -> list[float]:
    """Return some four to six round values between the ends."""
    low, high = ends
    scale = 10.0 ** np.floor(np.log10((high - low) / 100))
    for step in (scale * step for step in (*STEPS[3:], 200, 500, 1000)):
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        if last - first <= 5:
            return [float(i * step) + 0.0 for i in np.arange(first, last + 1)]
    return [low, high]


def _short(value: float) -> str:
    return f"{round(value, 10):.4g}".replace("-", MINUS)
