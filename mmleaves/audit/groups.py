"""Images that belong together: of one patient, one plant, one film."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmleaves.audit.parts import Item
from mmleaves.audit.report import Finding, ImagePair, counted
from mmleaves.datasets.class_order import some_names

# What a guess from file names must hold to be told at all.
MATCHED = 0.9  # share of the images whose names have the pattern
SHARED = 0.5  # share of the images that are not the only one of their group
LARGEST = 50  # images a group on average
ENOUGH = 5  # groups, where finer ones are plausible as well


def group_findings(items: Sequence[Item], sizes: Mapping[str, int]) -> list[Finding]:
    """Return what the ``group`` of the images says of the parts, or their file names.

    Args:
        items: Every image of every part.
        sizes: Number of images by part, in the order of the parts.
    """
    if any(item.group for item in items):
        known = [item.group for item in items]
        spread = _spread(items, known, list(sizes))
        if not spread:
            return []
        names = some_names(list(spread), 3)
        return [
            Finding(
                kind="group-leak",
                severity="error",
                where=_where(spread),
                found=f"{counted(len(spread), 'group')} with images in two parts or "
                f"more, such as {names}.",
                means="A model is scored on images of what it was trained on, such as "
                "the same patient: the score is too high.",
                do="Put each group into one part, or split anew with --split-out.",
                pairs=tuple(pair for pairs in spread.values() for pair in pairs),
            )
        ]
    guess = guess_groups(items)
    if guess is None:
        return []
    groups, how = guess
    n_groups = len(set(groups))
    example = Counter(groups).most_common(1)[0][0]
    findings = [
        Finding(
            kind="group-hint",
            severity="note",
            where="file names",
            found=f"{how} may say what belongs together: {n_groups} groups of "
            f"{len(items) / n_groups:.1f} images on average, such as {example!r}.",
            means="Images of one patient or plant in two parts make a score too high.",
            do="If it is so, say how they are found in the names, by --group-pattern, "
            "or write them into a column of a CSV file and name it by --group-column. "
            "--split-out keeps these groups together already.",
        )
    ]
    if spread := _spread(items, groups, list(sizes)):
        findings.append(
            Finding(
                kind="group-leak",
                severity="warning",
                where=_where(spread),
                found=f"{counted(len(spread), 'group')} guessed from file names with "
                f"images in two parts or more, such as "
                f"{some_names(list(spread), 3)}.",
                means="If they are patients or plants, the score is too high.",
                do="If they are, put each into one part, or split anew with "
                "--split-out.",
                pairs=tuple(pair for pairs in spread.values() for pair in pairs),
            )
        )
    return findings


def group_leaks(findings: Sequence[Finding]) -> dict[str, str]:
    """Return of which parts no score counts, and why, if the groups are known."""
    spoilt: dict[str, str] = {}
    for finding in findings:
        if finding.kind == "group-leak" and finding.severity == "error":
            numbers = Counter(pair.second.part for pair in finding.pairs)
            for part, number in numbers.items():
                spoilt[part] = (
                    f"No score from {part} is a test score: "
                    f"{counted(number, 'group')} with images in an earlier part too."
                )
    return spoilt


def guess_groups(items: Sequence[Item]) -> tuple[list[str], str] | None:
    """Return the group of each image as its file name suggests, and what was read.

    Names such as ``P017_left_2.jpg`` or a folder a patient suggest groups; names that
    merely count, or repeat the label, do not. Of several groupings by file name, it is
    the one of the fewest groups: to divide a patient into left and right is the worse
    mistake.
    """
    stems = [Path(item.path).stem for item in items]
    found: tuple[list[str], str] | None = None
    for dropped in (1, 2, 3):
        groups = [_beginning(stem, dropped) for stem in stems]
        if _is_plausible(items, groups) and (not found or len(set(groups)) >= ENOUGH):
            shown = "number" if dropped == 1 else f"{dropped} words"
            found = groups, f"The file names without their last {shown}"
    if found:
        return found
    folders = [Path(item.path).parent.name for item in items]
    if _is_plausible(items, folders):
        return folders, "The folders that the images lie in"
    return None


def _beginning(stem: str, dropped: int) -> str:
    """Return a name without its last words, or ``""`` if a mere word would be last.

    In ``P017_left`` the left is a part of what P017 is.
    """
    words = re.split(r"[\s_.\-()]+", stem.strip(" _.-()"))[:-dropped]
    return "_".join(words) if words and any(map(str.isdigit, words[-1])) else ""


def _is_plausible(items: Sequence[Item], groups: Sequence[str]) -> bool:
    # Without a digit it is a word, such as the class's name.
    named = [bool(group) and any(map(str.isdigit, group)) for group in groups]
    if not items or sum(named) < MATCHED * len(items):
        return False
    sizes = Counter(groups)
    shared = sum(size for size in sizes.values() if size > 1)
    if shared < SHARED * len(items) or len(items) > LARGEST * len(sizes):
        return False
    labels = defaultdict(set)
    for item, group in zip(items, groups, strict=True):
        labels[item.label].add(group)
    # One group a class is the class, spelt once more.
    return len(sizes) > sum(1 for _ in labels) and any(
        len(found) > 1 for found in labels.values()
    )


def _spread(
    items: Sequence[Item], groups: Sequence[str | None], order: list[str]
) -> dict[str, list[ImagePair]]:
    """Return an example of each group in two parts, for each part but its first."""
    first: dict[str, Item] = {}
    spread: dict[tuple[str, str], ImagePair] = {}
    rows = sorted(zip(items, groups, strict=True), key=lambda r: order.index(r[0].part))
    for item, group in rows:
        if not group:
            continue
        known = first.setdefault(group, item)
        if known.part != item.part:
            pair = ImagePair(known, item, f"the group {group!r}")
            spread.setdefault((group, item.part), pair)
    by_group: dict[str, list[ImagePair]] = defaultdict(list)
    for (group, _), pair in spread.items():
        by_group[group].append(pair)
    return by_group


def _where(spread: Mapping[str, Sequence[ImagePair]]) -> str:
    pairs = [pair for found in spread.values() for pair in found]
    return " and ".join({i.part: None for p in pairs for i in (p.first, p.second)})
