import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform

from mmleaves.datasets.csv_table import read_columns, read_path
from mmleaves.datasets.image_files import nfc
from mmleaves.registry import TRANSFORMS


@dataclass(frozen=True)
class FeatureTable:
    """Numbers for each of many images.

    Args:
        file: Where they come from.
        columns: Names of the D numbers.
        rows: (D,), float32, for each image by its path from the file's folder.
    """

    file: Path
    columns: tuple[str, ...]
    rows: dict[str, np.ndarray]

    def row(self, img_path: Path) -> np.ndarray:
        """Return the numbers of an image below the file's folder, (D,), float32.

        Raises:
            ValueError: If there is no row for it.
        """
        image = img_path.relative_to(self.file.parent).as_posix()
        if nfc(image) not in self.rows:
            raise ValueError(
                f"{self.file}: found {len(self.rows)} rows and none for {image!r}, "
                "expected one for every image. Write it there, or take the image out "
                "of the data set."
            )
        return self.rows[nfc(image)]


@TRANSFORMS.register_module()
class AttachFeatures(BaseTransform):
    """Give an image its row of a table of other features.

    The table is a CSV file, looked for in the image's folder and then in those above,
    so that it goes wherever the images go. One column has the images' paths, which
    start from the table's folder; every other column is a feature.

    **Required Keys:** ``img_path``, a local file.
    **Added Keys:** ``extra_features``, (D,), float32, in the order of the columns.

    ``PackInputs`` needs ``algorithm_keys=["extra_features"]`` to hand them on.

    Args:
        file: Name of the table.
        image_column: Its column with the images' paths.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no row for an image, two for one, no features, or a field
            that is no finite number.
    """

    def __init__(
        self, *, file: str = "features.csv", image_column: str = "image"
    ) -> None:
        self.file = file
        self.image_column = image_column
        self._tables: dict[Path, FeatureTable] = {}  # by the folder of an image

    def transform(self, results: dict) -> dict:
        return results | {"extra_features": self.find(results["img_path"])[1]}

    def find(self, img_path: str) -> tuple[FeatureTable, np.ndarray]:
        """Return the table that an image is in, and its row, (D,), float32."""
        # Unlike Path.absolute, it takes ".." out too.
        path = Path(os.path.abspath(img_path))  # noqa: PTH100
        folder = path.parent
        if folder not in self._tables:
            file = _find_above(path, self.file)
            known = {table.file: table for table in self._tables.values()}
            self._tables[folder] = known.get(file) or read_features(
                file, self.image_column
            )
        table = self._tables[folder]
        return table, table.row(path)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(file={self.file!r}, image_column={self.image_column!r})"


def read_features(file: Path, image_column: str = "image") -> FeatureTable:
    """Read a table of features as :class:`AttachFeatures` does, which see.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table, with the line.
    """
    option = {"image_column": image_column}
    # First by one column, which finds what is wrong with the file as a whole.
    read_columns(str(file), option)
    with file.open(newline="", encoding="utf-8-sig") as text:
        lines = csv.reader(text)
        header = next(fields for fields in lines if any(map(str.strip, fields)))
    names = [name.strip() for name in header]
    columns = tuple(name for name in names if name != image_column)
    if not columns:
        raise ValueError(
            f"{file}, line 1: found no column beside {image_column!r}, expected some "
            "features. Write them there."
        )
    rows: dict[str, np.ndarray] = {}
    lines_of: dict[str, int] = {}
    options = option | {f"column {name}": name for name in columns}
    for line, written, *fields in read_columns(str(file), options):
        image = nfc(read_path(str(file), line, written, image_column))
        if image in rows:
            raise ValueError(
                f"{file}, line {line}: found {image!r} again, expected it once, as in "
                f"line {lines_of[image]}. Take out the wrong line."
            )
        lines_of[image] = line
        numbers = [
            _number(file, line, column, field)
            for column, field in zip(columns, fields, strict=True)
        ]
        rows[image] = np.array(numbers, dtype=np.float32)
    return FeatureTable(file, columns, rows)


def _number(file: Path, line: int, column: str, field: str) -> float:
    try:
        number = float(field)
    except ValueError:
        number = math.nan
    # float32, in which a model calculates, ends there.
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise ValueError(
            f"{file}, line {line}: found {field!r} under {column!r}, expected a finite "
            "number. Correct it, or take the row and its image out."
        )
    return number


def _find_above(img_path: Path, name: str) -> Path:
    for folder in img_path.parents:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{img_path}: found no {name} in its folder or above it, expected one with a "
        "row for each image: its path and its features. Put it beside the data."
    )
