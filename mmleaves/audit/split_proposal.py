"""A split that keeps copies and groups together."""

import csv
import io
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmleaves.audit.parts import Item, below
from mmleaves.audit.report import Report
from mmleaves.datasets.splits import check_seed

# 60 % to train, 20 % to choose, 20 % to test with.
FOLDS = 5
PARTS = ("train", "train", "train", "val", "test")


def clusters(
    n_items: int, together: Sequence[tuple[int, int]], groups: Sequence[str | None]
) -> list[int]:
    """Return a number for each image that those share which belong together.

    Args:
        n_items: Number of images, N.
        together: Pairs of indices of images that show one picture.
        groups: Group of each image, (N,), None for none.
    """
    parent = list(range(n_items))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    joined = list(together)
    for index, group in enumerate(groups):
        if group:
            joined.append((first.setdefault(group, index), index))
    for i, j in joined:
        parent[max(find(i), find(j))] = min(find(i), find(j))
    return [find(i) for i in range(n_items)]


def propose_split(
    labels: Sequence[str], together: Sequence[int], seed: int
) -> list[str]:
    """Return the part of each image, each class and no cluster divided.

    The images are dealt out to five folds by scikit-learn's ``StratifiedGroupKFold``:
    three to train, one to choose and one to test with. Then single clusters are moved
    so that training has every class, and testing and choosing have those that suffice.

    Args:
        labels: Class name of each image, (N,).
        together: Cluster of each image, (N,), from `clusters`.
        seed: Seed of the dealing, 0 or more.

    Returns:
        ``"train"``, ``"val"`` or ``"test"`` for each image, (N,).

    Raises:
        ValueError: If there are fewer clusters than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    check_seed(seed)
    if len(set(together)) < FOLDS:
        raise ValueError(
            f"found {len(set(together))} images or groups of images that belong "
            f"together, expected {FOLDS} or more for a split. Add images."
        )
    _, codes = np.unique(labels, return_inverse=True)
    largest = int(np.bincount(codes).max())
    if largest < FOLDS:
        raise ValueError(
            f"found {largest} images in the largest class, expected {FOLDS} or more "
            "for a split. Add images."
        )
    part_of = [""] * len(labels)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer images than folds is missing in some; the audit says so.
        warnings.filterwarnings("ignore", "The least populated class")
        folds = splitter.split(codes, codes, together)
        for part, (_, held_out) in zip(PARTS, folds, strict=True):
            for index in held_out:
                part_of[index] = part
    _complete(labels, together, part_of)
    return part_of


def _complete(
    labels: Sequence[str], together: Sequence[int], part_of: list[str]
) -> None:
    """Move clusters, in ``part_of``, to parts that have none of a class."""
    members: dict[int, list[int]] = defaultdict(list)
    of_class: dict[str, dict[int, None]] = defaultdict(dict)
    held: Counter[tuple[str, str]] = Counter()
    for index, (label, cluster) in enumerate(zip(labels, together, strict=True)):
        if cluster not in of_class[label]:
            held[part_of[index], label] += 1
        of_class[label][cluster] = None
        members[cluster].append(index)

    def source(cluster: int) -> str:
        return part_of[members[cluster][0]]

    # What is missing in a part is taken from a later one, whatever it leaves there,
    # or from an earlier one that keeps every class.
    order = ("train", "test", "val")
    for place, part in enumerate(order):
        for label in sorted(of_class, key=lambda name: len(of_class[name])):
            if held[part, label]:
                continue
            movable = [
                cluster
                for cluster in of_class[label]
                if order.index(source(cluster)) > place
                or all(held[source(cluster), labels[i]] > 1 for i in members[cluster])
            ]
            if not movable:
                continue
            chosen = min(
                movable,
                key=lambda c: (-held[source(c), label], len(members[c]), c),
            )
            for name in {labels[i] for i in members[chosen]}:
                held[source(chosen), name] -= 1
                held[part, name] += 1
            for index in members[chosen]:
                part_of[index] = part


@dataclass(frozen=True)
class Written:
    """What `write_split` wrote.

    Attributes:
        sizes: Images of each part.
        options: Settings that make a config read the split, as ``KEY=VALUE``.
        lacking: For each part, the classes of which it has no image.
        n_left_out: Images without a label or that cannot be read.
    """

    sizes: dict[str, int]
    options: list[str]
    lacking: dict[str, list[str]]
    n_left_out: int


def check_split_folder(folder: Path) -> None:
    """Raise a ``FileExistsError`` if ``folder`` holds a split or parts of one."""
    parts = ("train", "val", "test")
    names = [f"{part}.{ending}" for ending in ("csv", "txt") for part in parts]
    for name in (*names, "classes.txt"):
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder}: found {name}, expected a new or empty folder for the "
                "split. Name another by --split-out."
            )


def write_split(report: Report, folder: Path, *, seed: int = 0) -> Written:
    """Write the proposed split of all labelled images as CSV files and list files.

    ``train.csv``, ``val.csv`` and ``test.csv`` have the columns image, label and group,
    paths below the report's root, for ``LeavesCSV``; ``classes.txt`` has the classes.
    Where the class folders lie right below the root, ``train.txt``, ``val.txt`` and
    ``test.txt`` have the paths for ``CaltechFolders`` too.

    Raises:
        FileExistsError: If the folder holds such files.
        ValueError: If there are too few images for a split.
    """
    rows: dict[str, tuple[Item, int]] = {}
    bad = {
        item.path for f in report.findings if f.kind in UNUSABLE for item, _ in f.images
    }
    for item, cluster in zip(report.items, report.clusters, strict=True):
        if item.label is not None and item.path not in bad:
            rows.setdefault(item.path, (item, cluster))
    labels = [item.label or "" for item, _ in rows.values()]
    together = [cluster for _, cluster in rows.values()]
    paths = [below(path, report.root) for path in rows]
    check_split_folder(folder)
    try:
        _check_writable(paths, labels)
        parts = propose_split(labels, together, seed)
    except ValueError as error:
        raise ValueError(f"--split-out {folder}: {error}") from error
    in_class_folders = all(
        path.count("/") >= 1 and path.partition("/")[0] == label
        for path, label in zip(paths, labels, strict=True)
    )
    classes = sorted(set(labels))
    sizes, lacking = {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "val", "test"):
        chosen = [i for i, name in enumerate(parts) if name == part]
        sizes[part] = len(chosen)
        lacking[part] = sorted(set(classes) - {labels[i] for i in chosen})
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["image", "label", "group"])
        writer.writerows([paths[i], labels[i], together[i]] for i in chosen)
        _write(folder / f"{part}.csv", table.getvalue())
        if in_class_folders:
            _write(folder / f"{part}.txt", "".join(f"{paths[i]}\n" for i in chosen))
    _write(folder / "classes.txt", "".join(f"{name}\n" for name in classes))
    n_left_out = len({item.path for item in report.items}) - len(rows)
    options = _options(folder, report.root, in_class_folders)
    return Written(sizes, options, lacking, n_left_out)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _check_writable(paths: Sequence[str], labels: Sequence[str]) -> None:
    """Raise a ``ValueError`` if a list or table cannot hold a path or a label."""
    for name in (*paths, *dict.fromkeys(labels)):
        if not (name.splitlines() == [name.strip()] and _is_utf8(name)):
            raise ValueError(
                f"found the name {name!r}, expected one in UTF-8 without line breaks "
                "and without spaces around it, as a list holds one a line. Rename it."
            )
    if broken := [path for path in paths if "\\" in path]:
        raise ValueError(
            f"found the name {broken[0]!r}, expected one without backslashes, which "
            "are read as slashes. Rename it."
        )


def _is_utf8(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


# Kinds of findings whose images no split may hold.
UNUSABLE = ("damaged", "missing-image")


def _options(folder: Path, root: str, in_class_folders: bool) -> list[str]:
    folder = folder.resolve()
    options = [f"dataset.data_root={_quoted(root)}"]
    if in_class_folders:
        ways = ("train_per_class", "train_fraction", "val_fraction")
        options += [f"dataset.{way}=None" for way in ways]
    for part in ("train", "val", "test"):
        dataset = f"{part}_dataloader.dataset"
        if in_class_folders:
            options += [
                f"{dataset}.part=train",
                f"{dataset}.train_list={_quoted(folder / f'{part}.txt')}",
                f"{dataset}.val_per_class=0",
            ]
        else:
            options += [
                f"{dataset}.part=all",
                f"{dataset}.ann_file={_quoted(folder / f'{part}.csv')}",
                f"{dataset}.classes={_quoted(folder / 'classes.txt')}",
            ]
    return options


def _quoted(path: str | Path) -> str:
    """Return a path as a setting's value: one with a comma would be read as a list."""
    return f'"{path}"' if "," in str(path) else str(path)
