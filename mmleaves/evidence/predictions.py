"""What a model said of each image, as a table that any program reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmleaves.names_as_text import from_text

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Predictions:
    """The class probabilities of N images.

    Args:
        images: Names of the images, N of them, as the user gave them; one that is no
            text as `as_text` writes it.
        paths: Where the files lie, N of them.
        classes: Class names in label order, C of them.
        probs: Probability of each class, (N, C), float32, rows summing to 1.
        truth: True class name of each image, or None where nobody knows them.
    """

    images: Sequence[str]
    paths: Sequence[str]
    classes: Sequence[str]
    probs: np.ndarray
    truth: Sequence[str] | None = None

    @property
    def labels(self) -> list[str]:
        """Name of the most probable class of each image."""
        return [self.classes[i] for i in self.probs.argmax(axis=1)]


def check_table_name(path: str) -> None:
    """Refuse a name that says another kind of table than we write.

    Raises:
        ValueError: If it ends in neither ``.csv`` nor ``.parquet``.
    """
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(
            f"Predictions cannot be written to {path}: its name should end in .csv or "
            ".parquet."
        )


def write_predictions(predictions: Predictions, path: str) -> None:
    """Write a row an image: ``image``, ``label``, and ``prob:<class>`` for each class.

    Where the true labels are known, ``truth`` stands after ``label``.

    Raises:
        ValueError: If the name ends in neither ``.csv`` nor ``.parquet``.
    """
    check_table_name(path)
    table = prediction_table(predictions)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".csv"):
        from pyarrow.csv import write_csv

        write_csv(table, path)
    else:
        from pyarrow.parquet import write_table

        write_table(table, path)


def prediction_table(predictions: Predictions) -> "pa.Table":
    """Return the columns that `write_predictions` writes."""
    import pyarrow as pa

    columns = {"image": list(predictions.images), "label": predictions.labels}
    if predictions.truth is not None:
        columns["truth"] = list(predictions.truth)
    for i, name in enumerate(predictions.classes):
        columns[f"prob:{name}"] = predictions.probs[:, i]
    return pa.table(columns)


def float_columns(table: "pa.Table", names: Sequence[str]) -> np.ndarray:
    """Return columns of numbers as an array, (rows, columns), float64.

    Raises:
        ValueError: If there is text in them, or a gap; says in which row.
    """
    import pyarrow as pa

    columns = []
    for name in names:
        try:
            column = table[name].combine_chunks().cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = None
        if column is None or column.null_count:
            _refuse_first_gap(table[name].to_pylist(), name)
        columns.append(column.to_numpy(zero_copy_only=False))
    return np.stack(columns, axis=1)


def _refuse_first_gap(values: list, name: str) -> None:
    for row, value in enumerate(values, 1):
        try:
            float(value)
        except (TypeError, ValueError):
            found = "nothing" if value in (None, "") else repr(value)
            raise ValueError(
                f"row {row} below the header: found {found} in the column {name!r}, "
                "expected a number, such as 0.25."
            ) from None
    raise ValueError(f"the column {name!r} holds no numbers, such as 0.25.")


def read_predictions(path: str, *, images: str = ".") -> Predictions:
    """Read what `write_predictions` wrote.

    Args:
        path: File whose name ends in ``.csv`` or ``.parquet``.
        images: Folder that the image names start from.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a table of predictions.
    """
    check_table_name(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no table of predictions {path}.")
    if path.endswith(".csv"):
        from pyarrow.csv import ConvertOptions, ParseOptions, read_csv

        # Names stay text, also where all of them look like numbers.
        text = dict.fromkeys(("image", "label", "truth"), "string")
        table = read_csv(
            path,
            # A file's name may hold a line break.
            parse_options=ParseOptions(newlines_in_values=True),
            convert_options=ConvertOptions(column_types=text),
        )
    else:
        from pyarrow.parquet import read_table

        table = read_table(path)
    probs = [name for name in table.column_names if name.startswith("prob:")]
    if "image" not in table.column_names or not probs:
        raise ValueError(
            f"{path} is not a table of predictions: found the columns "
            f"{', '.join(table.column_names)}, expected image, label and prob:CLASS "
            "for each class, as `mmleaves predict` writes them."
        )
    names = table["image"].to_pylist()
    known = "truth" in table.column_names
    return Predictions(
        images=names,
        paths=[str(Path(images, from_text(name))) for name in names],
        classes=[name.removeprefix("prob:") for name in probs],
        probs=np.stack([table[name].to_numpy() for name in probs], axis=1),
        truth=table["truth"].to_pylist() if known else None,
    )
