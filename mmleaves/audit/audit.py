"""Audit a data set: everything about it that can make a result wrong."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmleaves.audit.classes import class_findings
from mmleaves.audit.duplicates import (
    conflicts,
    image_pairs,
    leaks,
    pictures,
    repeats,
)
from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.group_columns import judge_columns
from mmleaves.audit.groups import group_findings, group_leaks, guess_groups
from mmleaves.audit.near_duplicates import near_duplicates
from mmleaves.audit.parts import Item, Part, merge
from mmleaves.audit.reading import Progress, read_images
from mmleaves.audit.report import Finding, Report, by_severity, counted
from mmleaves.audit.shortcuts import FOLDS, shortcut_findings, sizes_apart
from mmleaves.audit.split_proposal import clusters

# Groups of a class, guessed from names, from which on cues are judged by them.
ENOUGH_GUESSED = 10


def audit(
    datasets: Mapping[str, object],
    *,
    cache: FactsCache | None = None,
    max_megapixels: float = 64,
    progress: Progress | None = None,
) -> Report:
    """Audit data sets that were built, such as those of a run, before the first epoch.

    Args:
        datasets: Data sets of MMEngine or wrappers of some, by part, train first.
        cache: Where facts of images are kept, or None.
        max_megapixels: A file whose header announces more is not decoded.
        progress: Called with what is done, how many are done, and how many there are.

    Returns:
        The report; its ``leaks`` say of which parts no score is a test score.

    Raises:
        ValueError: If there are no images, or a data set cannot be looked into.
    """
    from mmleaves.audit.from_datasets import parts_of_datasets

    return audit_parts(
        parts_of_datasets(datasets),
        cache=cache,
        max_megapixels=max_megapixels,
        progress=progress,
    )


def audit_parts(
    parts: Sequence[Part],
    known: Sequence[Finding] = (),
    *,
    cache: FactsCache | None = None,
    max_megapixels: float = 64,
    progress: Progress | None = None,
) -> Report:
    """Audit the images of parts, the one that is trained on first.

    Args:
        parts: What to audit.
        known: What was found when the parts were read.
        cache: Where facts of images are kept, or None.
        max_megapixels: A file whose header announces more is not decoded.
        progress: Called with what is done, how many are done, and how many there are.

    Raises:
        ValueError: If there are no images, or two parts have one name.
    """
    parts, columns = judge_columns(parts)
    if known and not any(part.paths for part in parts):
        # No part could be read: that is all there is to say.
        return Report({}, "", by_severity(known))
    merged = merge(parts)
    items = merged.items
    kept = [part for part in parts if part.name in merged.names]
    sizes = {part.name: len(part.paths) for part in kept}
    facts, problems = read_images(
        (item.path for item in items),
        cache=cache,
        max_megapixels=max_megapixels,
        progress=progress,
    )
    groups = pictures(items, facts)
    paths = [items[group[0]].path for group in groups]
    search = near_duplicates(
        paths, [facts[path] for path in paths], cache=cache, progress=progress
    )
    pairs = image_pairs(items, facts, groups, search.pairs)
    leaky, spoilt = leaks(pairs, sizes)
    grouped = group_findings(items, sizes)
    spoilt = group_leaks(grouped) | spoilt
    for first, second in merged.same:
        if first in spoilt:
            spoilt[second] = f"{second} is {first}. {spoilt[first]}"
    findings = [
        *known,
        *columns,
        *_same_parts(merged.same),
        *_damage(items, problems),
        *_unlabelled(items),
        *leaky,
        *conflicts(pairs),
        *repeats(pairs),
        *class_findings(kept),
        *grouped,
    ]
    if search.plain:
        plain = [items[index] for place in search.plain for index in groups[place]]
        findings.append(_plain(plain))
    together = [(group[0], index) for group in groups for index in group[1:]]
    together += [(groups[p.first][0], groups[p.second][0]) for p in search.pairs]
    named = [item.group for item in items]
    tied = [clusters(len(items), together, named)]
    if not any(named) and (guess := guess_groups(items)):
        tied.insert(0, clusters(len(items), together, guess[0]))
    findings += _shortcuts(kept, items, facts, tied, cache)
    return Report(
        sizes=sizes,
        root=_root(item.path for item in items),
        findings=by_severity(findings),
        leaks=spoilt,
        clusters=tied[0],
        items=items,
    )


def _root(paths: Sequence[str]) -> str:
    """Return the folder that all ``paths`` lie below."""
    folders = {str(Path(path).absolute().parent) for path in paths}
    return os.path.commonpath(folders)


def _same_parts(same: Sequence[tuple[str, str]]) -> list[Finding]:
    return [
        Finding(
            kind="same-part",
            severity="note",
            where=f"{first} and {second}",
            found=f"{second} is {first}: the same images.",
            means=f"What is chosen on {first} is scored on {second} once more: such a "
            "score is a little too high.",
            do="Right where nothing else has labels, as in Kaggle's competitions; else "
            f"give {second} images of its own.",
        )
        for first, second in same
    ]


def _damage(items: Sequence[Item], problems: Mapping[str, str]) -> list[Finding]:
    kinds: dict[str, list[tuple[Item, str]]] = {"missing-image": [], "damaged": []}
    for item in items:
        if text := problems.get(item.path):
            missing = text == "found no such file"
            kinds["missing-image" if missing else "damaged"].append((item, text))
    findings = []
    if missing := kinds["missing-image"]:
        findings.append(
            Finding(
                kind="missing-image",
                severity="error",
                where=_parts_of(missing),
                found=f"{counted(len(missing), 'image')} named, but no such file.",
                means="A run is refused at its start.",
                do="Put the files there, correct the paths, or take the rows out.",
                images=tuple((item, "") for item, _ in missing),
            )
        )
    if damaged := kinds["damaged"]:
        findings.append(
            Finding(
                kind="damaged",
                severity="error",
                where=_parts_of(damaged),
                found=f"{counted(len(damaged), 'image file')} that cannot be used.",
                means="A run is refused at its start, or stops where one is decoded.",
                do="Copy or download them again, or take them out of the data set.",
                images=tuple(damaged),
            )
        )
    return findings


def _unlabelled(items: Sequence[Item]) -> list[Finding]:
    if any(item.label is not None for item in items):
        return []
    return [
        Finding(
            kind="no-labels",
            severity="warning",
            where=" and ".join(dict.fromkeys(item.part for item in items)),
            found=f"none of the {len(items)} images has a label.",
            means="Classes, labels and cues are not checked.",
            do="Name the column of the labels by --label-column, or sort the images "
            "into a folder a class. Nothing, if nobody knows them yet.",
        )
    ]


def _shortcuts(
    parts: Sequence[Part],
    items: Sequence[Item],
    facts: Mapping,
    tied: Sequence[Sequence[int]],
    cache: FactsCache | None,
) -> list[Finding]:
    """Return the cues of the part that is trained on.

    Args:
        parts: The parts that are audited.
        items: Every image of every part, N of them.
        facts: Facts by path.
        tied: Clusters of the images, (N,): of copies and known groups, if need be
            after those of copies and groups that are guessed.
        cache: Where accuracies are kept, or None.
    """
    labelled = [part.name for part in parts if any(part.labels)]
    if not labelled:
        return []
    train = [i for i, item in enumerate(items) if item.part == labelled[0]]
    chosen = [items[i] for i in train]
    ways = [[numbers[i] for i in train] for numbers in tied]
    apart = [
        sizes_apart(zip((item.label for item in chosen), way, strict=True))
        for way in ways
    ]
    # A guess that leaves too few of a class to say anything could be wrong, and hide
    # what is there.
    guess_is_fine = all(
        size >= ENOUGH_GUESSED
        for label, size in apart[0].items()
        if apart[-1][label] >= FOLDS
    )
    together = ways[0] if guess_is_fine else ways[-1]
    return shortcut_findings(chosen, facts, labelled[0], cache, together=together)


def _plain(plain: Sequence[Item]) -> Finding:
    images = tuple((item, "") for item in plain)
    return Finding(
        kind="plain",
        severity="note",
        where=_parts_of(images),
        found=f"{counted(len(plain), 'picture')} with next to no contrast.",
        means="Of these, only exact copies are found.",
        do="Look at them; most often they are blank by mistake.",
        images=images,
    )


def _parts_of(images: Sequence[tuple[Item, str]]) -> str:
    return " and ".join(dict.fromkeys(item.part for item, _ in images))
