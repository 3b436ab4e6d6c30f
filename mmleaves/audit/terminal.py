"""A report as text for the terminal."""

import shutil
from collections.abc import Iterator
from typing import TextIO

from mmleaves.audit.parts import Item, below
from mmleaves.audit.report import SEVERITIES, Finding, Report, counted

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
SHOWN = 5
LISTED = 1000


def print_report(report: Report, out: TextIO, *, shown: int = SHOWN) -> None:
    """Write ``report`` to ``out``: a block a finding, the gravest first.

    Args:
        report: What to print.
        out: Where to; colours are used if it is a terminal.
        shown: Pairs or images of a finding, at most.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    # A pipe has no width, and a line that breaks there cannot be searched.
    width = shutil.get_terminal_size().columns if out.isatty() else 10_000
    console = Console(file=out, width=width, highlight=False)
    console.print(Text(heading(report)))
    for finding in report.findings:
        title = Text()
        title.append(f"\n{finding.severity}", style=COLOURS[finding.severity])
        title.append(f"  {finding.kind}, {printable(finding.where)}", style="bold")
        console.print(title)
        for text in (finding.found, finding.means, finding.do):
            console.print(Padding(Text(sentence(text)), (0, 0, 0, 2), expand=False))
        for line in examples(finding, report.root, shown):
            console.print(Padding(Text(line, style="dim"), (0, 0, 0, 4), expand=False))
    console.print(Text(f"\n{summary(report)}"))


def heading(report: Report) -> str:
    """Return how many images each part has, and where they lie."""
    if not report.sizes:
        return "No part of the data could be read."
    sizes = ", ".join(f"{printable(n)} {size}" for n, size in report.sizes.items())
    return (
        f"{sum(report.sizes.values())} images below {printable(report.root)}: {sizes}"
    )


def summary(report: Report) -> str:
    """Return the numbers of findings, and what they mean for scores."""
    counts = [
        sum(finding.severity == severity for finding in report.findings)
        for severity in SEVERITIES
    ]
    numbers = [counted(n, name) for name, n in zip(SEVERITIES, counts, strict=True)]
    return "\n".join([f"{', '.join(numbers)}.", *map(printable, report.leaks.values())])


def examples(finding: Finding, root: str, shown: int) -> Iterator[str]:
    """Yield a line for each of the first pairs or images, and the number of others."""
    for pair in finding.pairs[:shown]:
        ends = " = ".join(described(item, root) for item in (pair.first, pair.second))
        yield f"{ends}: {printable(pair.relation)}"
    if finding.kind == "damaged":
        shown = max(shown, LISTED)  # Each has to be mended, so each is named.
    for item, remark in finding.images[:shown]:
        yield described(item, root) + (f": {printable(remark)}" if remark else "")
    if (more := len(finding.pairs) + len(finding.images) - shown) > 0:
        yield f"and {more} more"


def described(item: Item, root: str) -> str:
    """Return an image's path below ``root``, and its place or else its label."""
    more = item.place or item.label
    return printable(below(item.path, root)) + (f" ({printable(more)})" if more else "")


def sentence(text: str) -> str:
    """Return ``text`` with a capital, fit to print."""
    return printable(text[:1].upper() + text[1:])


def printable(text: str) -> str:
    """Return ``text`` with line breaks and the like as escapes.

    A file's name may hold any byte: one that clears a terminal, or none of UTF-8's.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
