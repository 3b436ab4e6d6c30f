"""What is audited: the images of each part of a data set, and what is known of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """One part of a data set, such as training.

    Attributes:
        name: What it is called: ``"train"``, ``"val"``, ``"test"``, or as its file.
        paths: Its image files, N of them; a file may be named twice.
        labels: Class name of each, N of them, None where nobody says.
        classes: Class names in label order where the part declares them, else empty.
        groups: Group of each image, such as its patient, N of them, or None.
        places: Where each image is named, such as ``"train.csv, line 37"``, or None.
        group_column: The column that ``groups`` are from, if nobody named it, or None.
    """

    name: str
    paths: Sequence[str]
    labels: Sequence[str | None]
    classes: tuple[str, ...] = ()
    groups: Sequence[str] | None = None
    places: Sequence[str] | None = None
    group_column: str | None = None


@dataclass(frozen=True)
class Item:
    """One image of one part.

    Attributes:
        path: Its file.
        part: Name of the part.
        label: Class name, or None.
        group: What it belongs to, such as a patient, or None.
        place: Where it is named, such as ``"train.csv, line 37"``, or None.
    """

    path: str
    part: str
    label: str | None
    group: str | None = None
    place: str | None = None


def below(path: str, root: str) -> str:
    """Return ``path`` relative to ``root``, with ``/``; ``root`` is absolute."""
    return Path(os.path.relpath(path, root)).as_posix() if root else path


@dataclass(frozen=True)
class Merged:
    """Parts laid in a row, those that are one and the same merged.

    Attributes:
        items: Every image of every part.
        names: Names of the parts, in the order given, as ``items`` call them.
        same: Pairs of parts that held the same images: the second was left out.
    """

    items: list[Item]
    names: list[str]
    same: list[tuple[str, str]] = field(default_factory=list)


def merge(parts: Sequence[Part]) -> Merged:
    """Lay ``parts`` in a row, but for one that is another over again.

    Some configs score on the validation part once more as the test part: that is no
    leak between the two. To score on the part that is trained on, the first, is one.

    Raises:
        ValueError: If there are no images, or two parts have one name.
    """
    if not sum(len(part.paths) for part in parts):
        raise ValueError(
            "The audit was given no images, expected one or more. Name a folder of "
            "class folders, a CSV file or a config."
        )
    merged = Merged([], [])
    kept: list[Part] = []
    for part in parts:
        if part.name in merged.names:
            raise ValueError(
                f"Two parts are called {part.name!r}, expected a name each. Rename one "
                "of the files or folders."
            )
        twin = next((k for k in kept[1:] if _labelled(k) == _labelled(part)), None)
        if twin:
            merged.same.append((twin.name, part.name))
            continue
        kept.append(part)
        merged.names.append(part.name)
        none = [None] * len(part.paths)
        rows = zip(
            part.paths,
            part.labels,
            part.groups or none,
            part.places or none,
            strict=True,
        )
        merged.items.extend(
            Item(path, part.name, label, group, place)
            for path, label, group, place in rows
        )
    return merged


def _labelled(part: Part) -> set[tuple[str, str | None]]:
    return set(zip(part.paths, part.labels, strict=True))
