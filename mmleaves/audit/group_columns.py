"""Columns of CSV files that say what belongs together, known by their names alone."""

from collections.abc import Container, Sequence
from dataclasses import replace

from mmleaves.audit.group_values import spelt_alike, without_gaps
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.class_order import HELD_OUT_NAMES, TRAIN_NAMES, some_names

# In any case. "group" may be that of a study, such as treated or not.
NAMES = ("patient", "group")


def find_group_columns(
    headers: Sequence[Sequence[str]], taken: Container[str] = ()
) -> list[str | None]:
    """Return the column of each file that is called ``patient``, else ``group``.

    Args:
        headers: Names of the columns of each file, N of them.
        taken: Columns that are something else, such as the label.

    Returns:
        N names, all the same but for capitals; None where a file has none.
    """
    for wanted in NAMES:
        found = [
            next(
                (
                    name
                    for name in header
                    if name.casefold() == wanted
                    and name not in taken
                    and header.count(name) == 1
                ),
                None,
            )
            for header in headers
        ]
        if any(found):
            return found
    return [None] * len(headers)


def judge_columns(parts: Sequence[Part]) -> tuple[list[Part], list[Finding]]:
    """Say which columns were found unasked, and leave out what are no groups.

    A column called ``group`` with no more values than there are labels, or with the
    names of parts, says something else. What is left has one spelling of each number,
    and ``""`` for gaps.

    Returns:
        The parts, and notes of such a column and of gaps.
    """
    parts, gaps = without_gaps(spelt_alike(parts))
    found = [part for part in parts if part.group_column]
    groups = {group for part in found for group in part.groups or () if group}
    labels = {label for part in parts for label in part.labels if label is not None}
    if not groups:
        kept = [_without(part) for part in parts]
        return kept, gaps if any(part.groups for part in kept) else []
    column = found[0].group_column or ""
    where = " and ".join(part.name for part in found)
    are_parts = {group.lower() for group in groups} <= TRAIN_NAMES | HELD_OUT_NAMES
    if column.casefold() == "group" and (len(groups) <= len(labels) or are_parts):
        note = Finding(
            kind="group-column",
            severity="note",
            where=where,
            found=f"the column {column!r} has {counted(len(groups), 'value')}, such as "
            f"{some_names(sorted(groups), 3)}, for {counted(len(labels), 'label')}: it "
            "is not taken for what belongs together.",
            means="Images of one patient or plant in two parts make a score too high.",
            do=f"If it does say what belongs together, name it: --group-column "
            f"{column}.",
        )
        return [_without(part) for part in parts], [note]
    n_images = sum(1 for part in found for group in part.groups or () if group)
    note = Finding(
        kind="group-column",
        severity="note",
        where=where,
        found=f"the column {column!r} is taken for what belongs together: "
        f"{counted(len(groups), 'group')} of {n_images / len(groups):.1f} images on "
        "average.",
        means="A group in two parts is an error, and --split-out divides none.",
        do="Nothing, if it is so; else name another by --group-column, or none by "
        "--group-column ''. Before a training, give the column another name.",
    )
    return parts, [note, *gaps]


def _without(part: Part) -> Part:
    return replace(part, groups=None, group_column=None) if part.group_column else part
