"""What follows from pictures that are there more than once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from mmleaves.audit.descriptors import turned_back
from mmleaves.audit.image_facts import ImageFacts
from mmleaves.audit.near_duplicates import NearPair
from mmleaves.audit.parts import Item
from mmleaves.audit.report import Finding, ImagePair, counted

# In larger groups of one picture, each image is paired with a few of the others.
ALL_PAIRS_OF = 6


def pictures(items: Sequence[Item], facts: Mapping[str, ImageFacts]) -> list[list[int]]:
    """Return the indices of the items that show the same pixels, for each picture."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        if item.path in facts:
            groups[facts[item.path].pixels].append(index)
    return list(groups.values())


def image_pairs(
    items: Sequence[Item],
    facts: Mapping[str, ImageFacts],
    groups: Sequence[Sequence[int]],
    near: Sequence[NearPair],
) -> list[ImagePair]:
    """Return the pairs of images that are the same, and those nearly the same.

    Args:
        items: Every image of every part.
        facts: Facts by path.
        groups: From `pictures`.
        near: Pairs of ``groups`` that are nearly the same.
    """
    pairs = []
    for group in groups:
        for i, j in _exact_pairs(items, group):
            pairs.append(
                ImagePair(items[i], items[j], _exact(items[i], items[j], facts))
            )
    for pair in near:
        for i, j in _near_pairs(items, groups[pair.first], groups[pair.second]):
            if i < j:
                pairs.append(ImagePair(items[i], items[j], _nearly(pair.turn)))
            else:
                turn = turned_back(pair.turn)
                pairs.append(ImagePair(items[j], items[i], _nearly(turn)))
    return pairs


def leaks(
    pairs: Sequence[ImagePair],
    sizes: Mapping[str, int],
) -> tuple[list[Finding], dict[str, str]]:
    """Return a finding for each two parts that share pictures, and what it spoils.

    Args:
        pairs: From `image_pairs`.
        sizes: Number of images by part, in the order of the parts.
    """
    between: dict[tuple[str, str], list[ImagePair]] = defaultdict(list)
    order = list(sizes)
    for pair in pairs:
        if pair.first.part != pair.second.part:
            ends = sorted((pair.first, pair.second), key=lambda i: order.index(i.part))
            key = ends[0].part, ends[1].part
            between[key].append(ImagePair(*ends, pair.relation))
    findings, spoilt = [], {}
    for (first, second), shared in sorted(
        between.items(), key=lambda entry: [order.index(part) for part in entry[0]]
    ):
        counts = _share(shared)
        n_images = len({pair.second.path for pair in shared})
        findings.append(
            Finding(
                kind="leak",
                severity="error",
                where=f"{first} and {second}",
                found=f"{n_images} of the {sizes[second]} images of {second} also in "
                f"{first}: {counts}.",
                means=f"A model is scored on what it knows: no score from {second} is "
                "a test score.",
                do="Take them out of one of the two parts, or split anew with "
                "--split-out, which keeps copies together.",
                pairs=tuple(shared),
            )
        )
        spoilt.setdefault(
            second,
            f"No score from {second} is a test score: {n_images} of its "
            f"{sizes[second]} images also in {first} ({counts}).",
        )
    return findings, spoilt


def conflicts(pairs: Sequence[ImagePair]) -> list[Finding]:
    """Return a finding if pictures that are the same have different labels."""
    wrong = [
        pair
        for pair in pairs
        if None not in (pair.first.label, pair.second.label)
        and pair.first.label != pair.second.label
    ]
    if not wrong:
        return []
    labels = sorted({tuple(sorted((p.first.label, p.second.label))) for p in wrong})
    shown = ", ".join(f"{a!r} and {b!r}" for a, b in labels[:3])
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return [
        Finding(
            kind="label-conflict",
            severity="error",
            where=_parts(wrong),
            found=f"{counted(len(wrong), 'pair')} of pictures that are the same, or "
            f"nearly so, under different labels ({shown}{more}): {_share(wrong)}.",
            means="One of the two labels is wrong, or the classes overlap; a model is "
            "taught both.",
            do="Look at each pair, and correct the label or take one of them out.",
            pairs=tuple(wrong),
        )
    ]


def repeats(pairs: Sequence[ImagePair]) -> list[Finding]:
    """Return a finding for each part in which pictures are repeated under one label."""
    inside: dict[str, list[ImagePair]] = defaultdict(list)
    for pair in pairs:
        if pair.first.part == pair.second.part and (
            pair.first.label == pair.second.label
            or None in (pair.first.label, pair.second.label)
        ):
            inside[pair.first.part].append(pair)
    return [
        Finding(
            kind="duplicate",
            severity="warning",
            where=part,
            found=f"{counted(len(shared), 'pair')} of pictures that are the same, or "
            f"nearly so: {_share(shared)}.",
            means="They count twice, and a split drawn at random puts one to train and "
            "the other to test with.",
            do="Take one of each pair out, or split with --split-out, which keeps "
            "copies together.",
            pairs=tuple(shared),
        )
        for part, shared in inside.items()
    ]


def _exact_pairs(items: Sequence[Item], group: Sequence[int]) -> list[tuple[int, int]]:
    """Return pairs of a group, each of its images with one of every part.

    All pairs of a thousand blank images would be half a million.
    """
    if len(group) <= ALL_PAIRS_OF:
        return list(combinations(group, 2))
    of_part = _first_of_each(items, group, "part")
    of_label = _first_of_each(items, group, "part", "label")
    return [
        (other, index)
        for index in group
        for other in sorted(
            {*of_part.values(), of_label[items[index].part, items[index].label]}
        )
        if other < index
    ]


def _near_pairs(
    items: Sequence[Item], first: Sequence[int], second: Sequence[int]
) -> list[tuple[int, int]]:
    """Return pairs across two groups: each image, with one of each part and label."""
    some = [
        _first_of_each(items, group, "part", "label").values()
        for group in (first, second)
    ]
    pairs = {(i, j): None for i in first for j in some[1]}
    return list(pairs | {(i, j): None for i in some[0] for j in second})


def _first_of_each(
    items: Sequence[Item], group: Iterable[int], *names: str
) -> dict[tuple, int]:
    first: dict[tuple, int] = {}
    for index in group:
        first.setdefault(tuple(getattr(items[index], n) for n in names), index)
    return first


def _nearly(turn: str) -> str:
    return "nearly the same" + (f", {turn}" if turn else "")


def _exact(first: Item, second: Item, facts: Mapping[str, ImageFacts]) -> str:
    if first.path == second.path:
        return "the same file"
    same_bytes = facts[first.path].content == facts[second.path].content
    return "the same bytes" if same_bytes else "the same pixels"


def _share(pairs: Sequence[ImagePair]) -> str:
    """Return how many pairs are of each relation: ``2 the same bytes, 3 nearly …``."""
    counts: dict[str, int] = defaultdict(int)
    for pair in pairs:
        counts[pair.relation.partition(",")[0]] += 1
    order = ("the same file", "the same bytes", "the same pixels", "nearly the same")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


def _parts(pairs: Sequence[ImagePair]) -> str:
    names = {item.part: None for pair in pairs for item in (pair.first, pair.second)}
    return " and ".join(names)
