"""What stands in the columns of groups of several parts: gaps, and one spelling."""

from collections.abc import Sequence
from dataclasses import replace

from mmleaves.audit.group_spelling import is_gap, one_spelling
from mmleaves.audit.parts import Item, Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.class_order import some_names


def spelt_alike(parts: Sequence[Part]) -> list[Part]:
    """Return parts with one spelling of each group, as of `one_spelling`."""
    names = one_spelling(group for part in parts for group in part.groups or ())
    return [
        replace(part, groups=[names[group] for group in part.groups])
        if part.groups
        else part
        for part in parts
    ]


def without_gaps(parts: Sequence[Part]) -> tuple[list[Part], list[Finding]]:
    """Return parts whose gaps are ``""``, and a note of how many there are, if any."""
    known, lacking, total = [], [], 0
    for part in parts:
        if not part.groups:
            known.append(part)
            continue
        total += len(part.groups)
        places = part.places or [None] * len(part.paths)
        rows = zip(part.paths, part.labels, places, part.groups, strict=True)
        lacking += [
            (Item(path, part.name, label, place=place), group)
            for path, label, place, group in rows
            if is_gap(group)
        ]
        groups = ["" if is_gap(group) else group for group in part.groups]
        known.append(replace(part, groups=groups))
    if not lacking:
        return known, []
    written = some_names(sorted({group for _, group in lacking}), 3)
    note = Finding(
        kind="group-gap",
        severity="note",
        where=" and ".join(dict.fromkeys(item.part for item, _ in lacking)),
        found=f"{len(lacking)} of {counted(total, 'image')} without a group: found "
        f"{written} in its place.",
        means="Each is taken for one that belongs to no other.",
        do="If some belong together, write their groups in. `repeat` refuses gaps.",
        images=tuple((item, "") for item, _ in lacking),
    )
    return known, [note]
