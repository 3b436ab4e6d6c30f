"""Parts from a folder: of class folders, of parts, of CSV files, or of images alone."""

from collections import Counter
from pathlib import Path

from mmleaves.audit.from_csv import Columns, parts_of_csv
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.benign_malignant import without_masks
from mmleaves.datasets.class_order import HELD_OUT_NAMES, TRAIN_NAMES
from mmleaves.datasets.image_files import list_folders, list_images

CSV_NAMES = ("train.csv", "val.csv", "test.csv")


def parts_of_folder(
    folder: str, columns: Columns, *, name: str = "all"
) -> tuple[list[Part], list[Finding]]:
    """Return the parts in ``folder``, and what is wrong with how it is laid out.

    Folders called ``train``, ``val`` or ``test`` are parts; where there is a
    ``train.csv``, it and a ``val.csv`` and ``test.csv`` beside it are; else every
    folder is a class, and without any, the images have no labels.

    Args:
        folder: The folder.
        columns: Columns of CSV files.
        name: What the part is called if there is but one.

    Raises:
        NotADirectoryError: If it is no folder.
        ValueError: If it holds no images.
    """
    if not Path(folder).is_dir():
        raise NotADirectoryError(
            f"{folder}: found no folder, expected one. Correct it."
        )
    folders = list_folders(folder)
    parts = [disk for shown, disk in folders.items() if _is_part(shown)]
    if parts:
        # Training first; what it is called beyond that does not matter.
        parts.sort(key=lambda n: (n.lower() not in TRAIN_NAMES, "test" in n.lower()))
        found = [_class_folders(f"{folder}/{part}", part) for part in parts]
        return [part for part, _ in found], [f for _, more in found for f in more]
    if (Path(folder) / "train.csv").is_file():
        files = [
            f"{folder}/{csv}" for csv in CSV_NAMES if (Path(folder) / csv).is_file()
        ]
        return parts_of_csv(files, columns)
    part, findings = _class_folders(folder, name)
    return [part], findings


def _is_part(name: str) -> bool:
    return name.lower() in TRAIN_NAMES | HELD_OUT_NAMES


def _class_folders(folder: str, name: str) -> tuple[Part, list[Finding]]:
    classes = list_folders(folder)
    paths: list[str] = []
    labels: list[str | None] = []
    n_others = n_masks = 0
    empty = []
    for label, disk in classes.items():
        files, others = list_images(f"{folder}/{disk}")
        images = without_masks(files)
        n_others, n_masks = n_others + others, n_masks + len(files) - len(images)
        if not images:
            empty.append(label)
        paths += [f"{folder}/{disk}/{image}" for image in images]
        labels += [label] * len(images)
    loose = []
    if not paths:
        loose, n_others = list_images(folder)
        paths = [f"{folder}/{image}" for image in loose]
        labels = [None] * len(loose)
    if not paths:
        raise ValueError(
            f"{folder}: found no images and {n_others} other files, expected images in "
            "one folder a class. Name another folder."
        )
    findings = []
    if n_others or n_masks:
        findings.append(_left_out(name, n_others, n_masks))
    if spelt := _spelt_alike(classes):
        findings.append(spelt)
    # Classes without images are told of by the counts.
    return Part(name, paths, labels, () if loose else tuple(classes)), findings


def _left_out(name: str, n_others: int, n_masks: int) -> Finding:
    masks = f" and {counted(n_masks, 'mask')}" if n_masks else ""
    return Finding(
        kind="left-out",
        severity="note",
        where=name,
        found=f"{counted(n_others, 'file')} without an image's name{masks}.",
        means="They are left out, here and by the data sets.",
        do="Nothing, unless images are among them: give those an extension.",
    )


def _spelt_alike(classes: dict[str, str]) -> Finding | None:
    """Return a finding if two class folders differ in capitals or spaces alone."""
    keys = Counter(" ".join(name.casefold().split()) for name in classes)
    alike = [n for n in classes if keys[" ".join(n.casefold().split())] > 1]
    if not alike:
        return None
    return Finding(
        kind="class-names",
        severity="warning",
        where="class folders",
        found=f"{', '.join(map(repr, alike))} differ in capitals or spaces alone.",
        means="If they are one class, the model is taught to tell it from itself.",
        do="Put their images into one folder if they are one class.",
    )
