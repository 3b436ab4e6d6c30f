"""Parts from a folder: of class folders, of parts, of CSV files, or of images alone."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmleaves.audit.from_csv import Columns, parts_of_csv
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.benign_malignant import without_masks
from mmleaves.datasets.class_order import (
    BACKGROUND,
    HELD_OUT_NAMES,
    TRAIN_NAMES,
    are_parts,
    some_names,
)
from mmleaves.datasets.image_files import (
    IMAGE_EXTENSIONS,
    is_image_name,
    list_folders,
    list_images,
)

PART_NAMES = TRAIN_NAMES | HELD_OUT_NAMES
CSV_NAMES = ("train.csv", "val.csv", "test.csv")


def parts_of_folder(
    folder: str, columns: Columns, *, name: str = "all"
) -> tuple[list[Part], list[Finding]]:
    """Return the parts in ``folder``, and what is wrong with how it is laid out.

    Folders called ``train``, ``val`` or ``test`` are parts if they hold class folders,
    or if there is no ``train.csv``; else it and a ``val.csv`` and ``test.csv`` beside
    it are. Without either every folder is a class, and without any folders, the images
    have no labels.

    Args:
        folder: The folder.
        columns: Columns of CSV files.
        name: What the part is called if there is but one.

    Raises:
        NotADirectoryError: If it is no folder.
        ValueError: If it holds no images, or if there is a column of groups but no CSV
            file.
    """
    if not Path(folder).is_dir():
        raise NotADirectoryError(
            f"{folder}: found no folder, expected one. Correct it."
        )
    folders = list_folders(folder)
    parts = {n: disk for n, disk in folders.items() if n.lower() in PART_NAMES}
    if not are_parts(folders):
        parts = {}
    files = [f"{folder}/{n}" for n in CSV_NAMES if Path(folder, n).is_file()]
    nested = any(list_folders(f"{folder}/{disk}") for disk in parts.values())
    if not nested and Path(folder, CSV_NAMES[0]).is_file():
        return parts_of_csv(files, columns)
    if columns.group:
        raise ValueError(
            f"found --group-column {columns.group} with {folder}, expected a CSV file "
            "or a folder with a train.csv: class folders have no columns. Leave it "
            "out, or find the groups in the names of the files, by --group-pattern."
        )
    if not parts:
        part, findings = _class_folders(folder, name)
        return [part], findings
    # Training first; what it is called beyond that does not matter.
    order = sorted(
        parts, key=lambda n: (n.lower() not in TRAIN_NAMES, "test" in n.lower())
    )
    found = [_class_folders(f"{folder}/{parts[n]}", n) for n in order]
    findings = [finding for _, more in found for finding in more]
    if others := sorted(folders.keys() - parts):
        findings.append(_other_folders(folder, others))
    return [part for part, _ in found], findings


def _class_folders(folder: str, name: str) -> tuple[Part, list[Finding]]:
    classes = list_folders(folder)
    paths: list[str] = []
    labels: list[str | None] = []
    left_out: Counter[str] = Counter()
    if (background := classes.pop(BACKGROUND, None)) and classes:
        n_images = len(list_images(f"{folder}/{background}")[0])
        left_out[f"image(s) in {BACKGROUND}"] = n_images
    for label, disk in classes.items():
        files, n_others = list_images(f"{folder}/{disk}")
        images = without_masks(files)
        left_out["other file(s)"] += n_others
        left_out["mask(s)"] += len(files) - len(images)
        paths += [f"{folder}/{disk}/{image}" for image in images]
        labels += [label] * len(images)
    # Classes without images are told of by the counts.
    declared = tuple(classes)
    if paths:
        files = [entry.name for entry in Path(folder).iterdir() if entry.is_file()]
        left_out["image(s) outside the class folders"] = sum(map(is_image_name, files))
    else:
        loose, n_others = list_images(folder)
        left_out["other file(s)"] = n_others
        paths = [f"{folder}/{image}" for image in loose]
        labels, declared = [None] * len(loose), ()
    if not paths:
        n_others = left_out["other file(s)"]
        raise ValueError(
            f"{folder}: found no images and {n_others} other files, expected images in "
            "one folder a class. Name another folder."
        )
    findings = [_left_out(name, +left_out)] if +left_out else []
    if spelt := _spelt_alike(classes):
        findings.append(spelt)
    return Part(name, paths, labels, declared), findings


def _left_out(name: str, left_out: Counter[str]) -> Finding:
    found = [
        f"{number} {what.replace('(s)', '' if number == 1 else 's')}"
        for what, number in left_out.items()
    ]
    return Finding(
        kind="left-out",
        severity="note",
        where=name,
        found=f"{', '.join(found)}.",
        means="They are left out, here and by the data sets.",
        do="Nothing, unless they belong in: images are known by names that end in "
        f"{', '.join(IMAGE_EXTENSIONS)}. Store others as PNG, and put each in the "
        "folder of its class.",
    )


def _other_folders(folder: str, others: Sequence[str]) -> Finding:
    return Finding(
        kind="left-out",
        severity="note",
        where=folder,
        found=f"beside the parts, {counted(len(others), 'folder')}: "
        f"{some_names(others)}.",
        means="What is in there was not looked at.",
        do="Nothing, if no run reads them; else check each by its name.",
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
