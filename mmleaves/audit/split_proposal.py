"""A split that keeps copies and groups together."""

import csv
import warnings
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
    three to train, one to choose and one to test with.

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
    return part_of


@dataclass(frozen=True)
class Written:
    """What `write_split` wrote.

    Attributes:
        sizes: Images of each part.
        options: Settings that make a config read the split, as ``KEY=VALUE``.
        n_left_out: Images without a label or that cannot be read.
    """

    sizes: dict[str, int]
    options: list[str]
    n_left_out: int


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
    try:
        parts = propose_split(labels, together, seed)
    except ValueError as error:
        raise ValueError(f"--split-out {folder}: {error}") from error
    names = [f"{part}.csv" for part in ("train", "val", "test")]
    if taken := [name for name in names if (folder / name).exists()]:
        raise FileExistsError(
            f"{folder}: found {taken[0]}, expected a new or empty folder for the "
            "split. Name another by --split-out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [below(path, report.root) for path in rows]
    sizes = {}
    in_class_folders = all(
        path.count("/") >= 1 and path.partition("/")[0] == label
        for path, label in zip(paths, labels, strict=True)
    )
    for part in ("train", "val", "test"):
        chosen = [i for i, name in enumerate(parts) if name == part]
        sizes[part] = len(chosen)
        with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["image", "label", "group"])
            writer.writerows([paths[i], labels[i], together[i]] for i in chosen)
        if in_class_folders:
            lines = "".join(f"{paths[i]}\n" for i in chosen)
            (folder / f"{part}.txt").write_text(lines, encoding="utf-8")
    classes = "".join(f"{name}\n" for name in sorted(set(labels)))
    (folder / "classes.txt").write_text(classes, encoding="utf-8")
    n_left_out = len({item.path for item in report.items}) - len(rows)
    return Written(sizes, _options(folder, report.root, in_class_folders), n_left_out)


# Kinds of findings whose images no split may hold.
UNUSABLE = ("damaged", "missing-image")


def _options(folder: Path, root: str, in_class_folders: bool) -> list[str]:
    folder = folder.resolve()
    options = [f"dataset.data_root={root}"]
    if in_class_folders:
        ways = ("train_per_class", "train_fraction", "val_fraction")
        options += [f"dataset.{way}=None" for way in ways]
    for part in ("train", "val", "test"):
        dataset = f"{part}_dataloader.dataset"
        if in_class_folders:
            options += [
                f"{dataset}.part=train",
                f"{dataset}.train_list={folder / part}.txt",
                f"{dataset}.val_per_class=0",
            ]
        else:
            options += [
                f"{dataset}.part=all",
                f"{dataset}.ann_file={folder / part}.csv",
                f"{dataset}.classes={folder / 'classes.txt'}",
            ]
    return options
