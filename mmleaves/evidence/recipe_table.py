"""A prediction table of any framework."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmleaves.evidence.predictions import SUFFIXES, float_columns

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = ("image", "label", "truth", "prediction", "run", "repeat", "fold")


@dataclass(frozen=True, eq=False)
class RecipeTable:
    """The rows of a table, N of them: an image and a run each.

    Args:
        path: Where it was read.
        images: Name of the image, (N,).
        truth: Its true class name, (N,).
        repeats: Repeat, or run on a hold-out, by name, (N,).
        folds: Fold by name, (N,), or None on a hold-out.
        predictions: Predicted class name, (N,), or None where there are probabilities.
        classes: Class names in the order of the probabilities, or None without them.
        probs: Probabilities, (N, C), or None.
    """

    path: str
    images: np.ndarray
    truth: np.ndarray
    repeats: np.ndarray
    folds: np.ndarray | None
    predictions: np.ndarray | None
    classes: tuple[str, ...] | None
    probs: np.ndarray | None


def read_recipe_table(path: str) -> RecipeTable:
    """Read a table with a row for each image and run.

    The columns are ``image``; the true class as ``truth`` or ``label``; ``prob:CLASS``
    for each class, or ``prediction``; and for several runs either ``run`` (all scored
    the same images) or ``repeat`` and ``fold`` (cross-validation; ``fold`` alone is a
    single repeat). Where ``truth`` is there, ``label`` is the predicted class, as
    `mmleaves predict` writes it.

    Args:
        path: File whose name ends in ``.csv`` or ``.parquet``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table; says what was found.
    """
    table = _read(path)
    names = table.column_names
    probs = [name for name in names if name.startswith("prob:")]
    said = "prediction" if "prediction" in names else None
    said = "label" if said is None and {"truth", "label"} <= set(names) else said
    truth = next((name for name in ("truth", "label") if name in names), None)
    if "image" not in names or truth is None or not (probs or said):
        raise ValueError(
            f"{path}: found the columns {', '.join(names)}, expected image, truth, and "
            "prob:CLASS for each class or prediction; for several runs run, or repeat "
            "and fold. Rename the columns."
        )
    if "run" in names and {"repeat", "fold"} & set(names):
        raise ValueError(
            f"{path}: found the columns run and {'repeat' if 'repeat' in names else ''}"
            f"{'fold' if 'repeat' not in names else ''}, expected run for runs on the "
            "same images, or repeat and fold for cross-validation. Remove one."
        )
    columns = {name: _text(table, name, path) for name in TEXT if name in names}
    run = columns.get("run", columns.get("repeat", np.full(len(table), "0")))
    one = RecipeTable(
        path=path,
        images=columns["image"],
        truth=columns[truth],
        repeats=run,
        folds=columns.get("fold"),
        predictions=columns[said] if said and not probs else None,
        classes=tuple(name.removeprefix("prob:") for name in probs) or None,
        probs=_numbers(table, probs, path) if probs else None,
    )
    _check_truth(one, truth)
    return one


def _read(path: str) -> "pa.Table":
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: found neither the folder of an experiment nor a table whose name "
            "ends in .csv or .parquet."
        )
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no table of predictions {path}.")
    import pyarrow as pa

    try:
        if path.endswith(".parquet"):
            from pyarrow.parquet import read_table

            table = read_table(path, partitioning=None)
        else:
            from pyarrow.csv import ConvertOptions, read_csv

            # Names stay text, also where all of them look like numbers.
            text = dict.fromkeys(TEXT, pa.string())
            options = ConvertOptions(column_types=text, strings_can_be_null=False)
            table = read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{path}: found what is no such table ({error}), expected a header and a "
            "row for each image and run. Write it again."
        ) from None
    if not len(table):
        raise ValueError(f"{path}: found no rows, expected one for each image and run.")
    twice = {name for name in table.column_names if table.column_names.count(name) > 1}
    if twice:
        raise ValueError(f"{path}: found the column {min(twice)!r} twice.")
    return table


def _text(table: "pa.Table", name: str, path: str) -> np.ndarray:
    values = table[name].to_pylist()
    if None in values or "" in values:
        row = next(i for i, value in enumerate(values) if value in (None, ""))
        raise ValueError(
            f"{path}, row {row + 1} below the header: found nothing in the column "
            f"{name!r}. Fill it in, or remove the row."
        )
    return np.array([str(value) for value in values])


def _numbers(table: "pa.Table", names: list[str], path: str) -> np.ndarray:
    import pyarrow as pa

    try:
        return float_columns(table, names)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        types = ", ".join(f"{name!r} of {table[name].type}" for name in names)
        raise ValueError(
            f"{path}: found the columns {types}, or gaps in them, expected a "
            "probability in every row."
        ) from None


def _check_truth(table: RecipeTable, column: str) -> None:
    if table.classes is None:
        return
    unknown = set(table.truth.tolist()) - set(table.classes)
    if unknown:
        raise ValueError(
            f"{table.path}: found the label {min(unknown)!r} in the column {column!r}, "
            f"expected one of the classes of the columns prob:CLASS, "
            f"{', '.join(table.classes)}."
        )
    said = np.array(table.classes)[table.probs.argmax(axis=1)]
    if column == "label" and (said == table.truth).all():
        raise ValueError(
            f"{table.path}: the column 'label' is the most probable class in every "
            "row, so it holds predictions, not the truth, as in tables that `mmleaves "
            "predict` writes for images without labels. Add a column 'truth'."
        )
