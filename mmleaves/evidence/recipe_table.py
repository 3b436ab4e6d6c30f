"""A prediction table of any framework."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmleaves.encodings import refuse_utf16
from mmleaves.evidence.outcomes import wrong_probs
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
        predictions: Predicted class name, (N,), or None where only the probabilities
            say it.
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
    `mmleaves predict` writes it. Where both are there, the predicted class must be the
    most probable one. Spaces around names do not count.

    Args:
        path: File whose name ends in ``.csv`` or ``.parquet``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table; says what was found.
    """
    table = _read(path)
    names = table.column_names
    probs = [name for name in names if name.startswith("prob:")]
    _check_columns(names, path)
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
        predictions=columns[said] if said else None,
        classes=tuple(name.removeprefix("prob:") for name in probs) or None,
        probs=_probs(table, probs, path) if probs else None,
    )
    # What `mmleaves predict` writes has none of these columns.
    others = {"run", "repeat", "fold", "prediction"} & set(names)
    _check_truth(one, truth, may_be_said=truth == "label" and not others)
    if probs and said:
        _check_said(one, columns[said], said)
    return one


def _check_columns(names: list[str], path: str) -> None:
    """Refuse names that seem to be those of columns we know: they would play no part.

    Without its folds a cross-validation would be taken for runs on a hold-out.
    """
    for name in names:
        known = name.lower()
        if known.startswith("prob:"):
            known = f"prob:{name[len('prob:') :]}"
        elif known not in TEXT:
            continue
        if known not in names:
            raise ValueError(
                f"{path}: found the column {name!r}, expected {known!r}. Rename it."
            )
    if "repeat" in names and "fold" not in names:
        raise ValueError(
            f"{path}: found the column repeat and no column fold, expected both for "
            "cross-validation; `run` is for runs on one hold-out. Add the folds, or "
            "call the column run."
        )


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
            table = _read_csv(path)
        # Text that is no UTF-8, too.
        table.validate(full=True)
        table = table.rename_columns(list(map(_without_spaces, table.column_names)))
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        # One with a number is the disk's; pyarrow has none for what it cannot unpack.
        if getattr(error, "errno", None) is not None:
            raise
        raise ValueError(
            f"{path}: found what is no such table ({error}), expected a header and a "
            "row for each image and run, of a CSV file in UTF-8 or a parquet file. "
            "Write it again."
        ) from None
    if not len(table):
        raise ValueError(f"{path}: found no rows, expected one for each image and run.")
    twice = {name for name in table.column_names if table.column_names.count(name) > 1}
    if twice:
        raise ValueError(f"{path}: found the column {min(twice)!r} twice.")
    return table


def _without_spaces(name: str) -> str:
    prefix, colon, rest = name.strip().partition(":")
    return f"prob:{rest.strip()}" if prefix + colon == "prob:" else name.strip()


def _read_csv(path: str) -> "pa.Table":
    """Read a file with commas, semicolons or tabs between its columns."""
    with Path(path).open("rb") as start:
        refuse_utf16(path, start.read(2))
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, ParseOptions, read_csv

    with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline()
    heads = {mark: next(csv.reader([header], delimiter=mark), []) for mark in ",;\t"}
    marks = [m for m, names in heads.items() if "image" in map(str.strip, names)]
    mark = marks[0] if marks else ","
    # Names stay text, also where all of them look like numbers.
    text = {name: pa.string() for name in heads[mark] if name.strip() in TEXT}
    return read_csv(
        path,
        parse_options=ParseOptions(delimiter=mark),
        convert_options=ConvertOptions(column_types=text, strings_can_be_null=False),
    )


def _text(table: "pa.Table", name: str, path: str) -> np.ndarray:
    values = table[name].to_pylist()
    # pandas writes a gap as nan, which is not equal to itself.
    text = ["" if v is None or v != v else str(v).strip() for v in values]
    if "" in text:
        raise ValueError(
            f"{path}, row {text.index('') + 1} below the header: found nothing in the "
            f"column {name!r}. Fill it in, or remove the row."
        )
    return np.array(text)


def _probs(table: "pa.Table", names: list[str], path: str) -> np.ndarray:
    try:
        probs = float_columns(table, names)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
    if wrong := wrong_probs(probs):
        (row,), text = wrong
        raise ValueError(f"{path}, row {row + 1} below the header: {text}")
    return probs


def _check_truth(table: RecipeTable, column: str, *, may_be_said: bool) -> None:
    """Refuse a truth that is no class, or that may be what was said.

    Args:
        table: The table.
        column: The column that the truth was taken from.
        may_be_said: Whether that column may hold what `mmleaves predict` said of images
            that nobody labelled.
    """
    if table.classes is None:
        return
    unknown = set(table.truth.tolist()) - set(table.classes)
    if unknown:
        raise ValueError(
            f"{table.path}: found the label {min(unknown)!r} in the column {column!r}, "
            f"expected one of the classes of the columns prob:CLASS, "
            f"{', '.join(table.classes)}. Write the labels as the columns have them."
        )
    said = np.array(table.classes)[table.probs.argmax(axis=1)]
    if may_be_said and (said == table.truth).all():
        raise ValueError(
            f"{table.path}: the column 'label' is the most probable class in every "
            "row, so it holds predictions, not the truth, as in tables that `mmleaves "
            "predict` writes for images without labels. Add a column 'truth'; if these "
            "are the true classes, call the column so."
        )


def _check_said(table: RecipeTable, said: np.ndarray, column: str) -> None:
    """Refuse predictions that are not the most probable class, as one would be lost."""
    places = {name: i for i, name in enumerate(table.classes)}
    for row, (name, probs) in enumerate(zip(said.tolist(), table.probs, strict=True)):
        # Of classes that are equal after rounding any will do.
        if name not in places or probs[places[name]] < probs.max() - 1e-6:
            best = table.classes[int(probs.argmax())]
            raise ValueError(
                f"{table.path}, row {row + 1} below the header: found {name!r} in the "
                f"column {column!r}, and {best!r} is the most probable class, expected "
                "the same. Remove the column, or the probabilities."
            )
