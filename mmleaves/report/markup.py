"""Text, numbers and elements as markup that no name in the data can break."""

import math
from itertools import accumulate
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from mmleaves.audit.terminal import printable

MINUS = "\N{MINUS SIGN}"


def text(value: object) -> Markup:
    """Return any value as text: escaped, and line breaks and the like as escapes."""
    if isinstance(value, Markup):
        return value
    return escape(printable(str(value)))


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element of HTML or SVG.

    Args:
        name: Its tag.
        children: What is in it; all but `Markup` is shown as text.
        attributes: Its attributes; ``_`` stands for ``-``, as in ``stroke_width``, and
            one at the end is dropped, as in ``class_``. Floats are rounded to
            hundredths, as for pixels. None leaves an attribute out.
    """
    parts = []
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, float):
            value = f"{value:.2f}".rstrip("0").rstrip(".")
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"')
    inside = "".join(text(child) for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inside}</{name}>")


def number(
    value: float | None,
    key: str,
    *,
    digits: int = 1,
    signed: bool = False,
    grouped: bool = False,
) -> Markup:
    """Return a number as it is shown, with its full value for programs.

    Args:
        value: The number, or None or nan where there is none.
        key: What it is, ``recipe/probe/accuracy``; unique on a page but for repetition.
        digits: Digits after the point.
        signed: Whether positive numbers have a sign.
        grouped: Whether thousands are set off.

    Returns:
        ``<data value="…" data-key="…">…</data>``.
    """
    if value is None or math.isnan(value):
        return element("span", "\N{EN DASH}", class_="none")
    # Not "-0.0".
    rounded = round(float(value), digits) + 0.0
    shown = f"{rounded:{'+' if signed else ''}{',' if grouped else ''}.{digits}f}"
    return element(
        "data",
        shown.replace("-", MINUS),
        value=repr(value if isinstance(value, int) else float(value)),
        data_key=key,
    )


def cut(name: str, most: int = 18) -> str:
    """Return a name that is no wider than so many Latin letters, cut if need be."""
    # Chinese characters are as wide as two.
    widths = [1 + (east_asian_width(letter) in "WF") for letter in name]
    if sum(widths) <= most:
        return name
    fits = sum(total < most for total in accumulate(widths))
    return name[:fits] + "…"
