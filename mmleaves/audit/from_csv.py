"""Parts from CSV files, row by row as they are, with what is wrong in them."""

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmleaves.audit.group_columns import find_group_columns
from mmleaves.audit.parts import Item, Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.csv_table import read_columns, read_path
from mmleaves.datasets.image_files import (
    existing_form,
    is_ignored,
    is_image_name,
    nfc,
)


@dataclass(frozen=True)
class Columns:
    """Names of the columns of CSV files.

    Attributes:
        image: The images' paths, below the file's folder or ``root``.
        label: The label names; a file without the column has no labels.
        group: What an image belongs to, such as a patient; ``""`` for none, None for a
            column called ``patient`` or ``group``, if there is one.
        root: Folder that the paths start from, or None for the file's own.
    """

    image: str = "image"
    label: str = "label"
    group: str | None = None
    root: str | None = None


def parts_of_csv(
    files: Sequence[str], columns: Columns
) -> tuple[list[Part], list[Finding]]:
    """Return a part for each of ``files``, called like it, and what is wrong in them.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is no such table, with its line and what to do.
    """
    found: list[str | None] = [None] * len(files)
    if columns.group is None:
        headers = [read_header(file) for file in files]
        found = find_group_columns(headers, {columns.image, columns.label})
    parts = []
    for file, unasked in zip(files, found, strict=True):
        part = _read(file, replace(columns, group=unasked or columns.group))
        parts.append(replace(part, group_column=unasked))
    findings = [finding for part in parts for finding in _unlabelled(part)]
    tables = [
        Table(part.name, file, columns, part.paths)
        for part, file in zip(parts, files, strict=True)
    ]
    return parts, findings + images_without_row(tables)


@dataclass(frozen=True)
class Table:
    """A CSV file that a part of the data is from.

    Attributes:
        part: The part's name.
        file: The CSV file.
        columns: Its columns, and the folder that its paths start from.
        paths: The images of all its rows.
    """

    part: str
    file: str
    columns: Columns
    paths: Sequence[str]


def _read(file: str, columns: Columns) -> Part:
    header = read_header(file)
    wanted = {"image_column": columns.image}
    if columns.label in header:
        wanted["label_column"] = columns.label
    if columns.group:
        wanted["group_column"] = columns.group
    root = Path(columns.root or Path(file).parent).as_posix()
    part = Part(
        Path(file).stem, [], [], groups=[] if columns.group else None, places=[]
    )
    for line, *fields in read_columns(file, wanted):
        row = dict(zip(wanted, fields, strict=True))
        path = read_path(file, line, row["image_column"], columns.image)
        label = nfc(row.get("label_column", "").strip())
        part.paths.append(f"{root}/{existing_form(root, path)}")
        part.labels.append(label or None)
        part.places.append(f"{Path(file).name}, line {line}")
        if part.groups is not None:
            part.groups.append(row["group_column"].strip())
    return part


def read_header(file: str) -> list[str]:
    """Return the names of the columns; what is wrong with it is told elsewhere."""
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as lines:
            rows = ([name.strip() for name in row] for row in csv.reader(lines))
            return next(filter(any, rows), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _unlabelled(part: Part) -> list[Finding]:
    rows = zip(part.paths, part.labels, part.places or (), strict=True)
    missing = [(path, place) for path, label, place in rows if label is None]
    if not missing or len(missing) == len(part.paths):
        return []
    images = tuple((Item(p, part.name, None, place=at), "") for p, at in missing)
    return [
        Finding(
            kind="missing-label",
            severity="error",
            where=part.name,
            found=f"{len(missing)} of {len(part.paths)} rows without a label.",
            means="The data set refuses the file.",
            do="Write the labels there, or take the rows out.",
            images=images,
        )
    ]


def images_without_row(
    tables: Sequence[Table], others: Iterable[str] = ()
) -> list[Finding]:
    """Return a finding if images lie beside those of the rows that no file names.

    Args:
        tables: The CSV files that are audited.
        others: Images that the data have from elsewhere.
    """
    # Paths, not text: ./images and images are one folder.
    named = {Path(path) for table in tables for path in table.paths}
    beside = {
        image for folder in {p.parent for p in named} for image in _images(folder)
    }
    if beside <= named:
        return []
    named |= {Path(path) for path in others}
    given = {Path(table.file) for table in tables}
    more = {
        (file, replace(table.columns, group=""))
        for table in tables
        for file in Path(table.file).parent.glob("*.csv")
        if file not in given
    }
    for file, columns in more:
        # A file for predictions, such as Kaggle's test.csv, names images as well.
        named |= _named_by(str(file), columns)
    extra = sorted(map(str, beside - named))
    if not extra:
        return []
    return [
        Finding(
            kind="image-without-row",
            severity="warning",
            where=" and ".join(dict.fromkeys(table.part for table in tables)),
            found=f"{counted(len(extra), 'image')} beside the others that no row "
            "names.",
            means="They are not used. If rows were lost, so were their labels.",
            do="Add rows for them, or nothing if they are not for training.",
            images=tuple((Item(path, "no part", None), "") for path in extra),
        )
    ]


def _images(folder: Path) -> list[Path]:
    """Return the images right in ``folder``, none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if is_image_name(e.name) and e.is_file()]
    except OSError:
        return []
    return [folder / name for name in names if not is_ignored(name)]


def _named_by(file: str, columns: Columns) -> set[Path]:
    """Return the images that a file names that is not checked, if it is a table."""
    if columns.image not in read_header(file):
        return set()
    try:
        return {Path(path) for path in _read(file, columns).paths}
    except (OSError, ValueError):
        return set()
