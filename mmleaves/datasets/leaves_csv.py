import difflib
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset

from mmleaves.datasets.class_order import checked_classes, some_names
from mmleaves.datasets.csv_table import read_columns, read_path
from mmleaves.datasets.image_files import existing_form, nfc
from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.datasets.splits import (
    ALWAYS_TRAIN,
    check_part,
    fold_part,
    stratified_folds,
)
from mmleaves.datasets.where_to_get import find_data_root
from mmleaves.registry import DATASETS


@DATASETS.register_module()
class LeavesCSV(BaseDataset):
    """Images and label names from a CSV file, as Kaggle's classify-leaves has them.

    The classes are the label names of the whole file, sorted by Unicode code point,
    unless ``classes`` gives them: the same for every part and fold. Spaces around a
    label or a path do not count, nor how accents are encoded.

    A class with a single image has it in training, whichever fold is held out.

    Args:
        data_root: Folder that the paths in the file start from.
        ann_file: The CSV file, below ``data_root`` or absolute.
        part: ``"train"`` for every fold but one, ``"val"`` for that one, or ``"all"``.
        folds: Number of stratified folds, 2 or more.
        fold: The fold that is ``"val"``, 0 to ``folds - 1``.
        split_seed: Seed of the folds, which are scikit-learn's `StratifiedKFold`.
        image_column: Column with the images' paths.
        label_column: Column with the label names.
        classes_from: CSV file below ``data_root``, or absolute, whose labels are the
            classes, as when those of ``val.csv`` must be numbered like ``train.csv``'s.

    Raises:
        FileNotFoundError: If the folder or the file is missing.
        ValueError: If a row cannot be taken as it is, with its line and what to do.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str = "train.csv",
        *,
        part: str = "train",
        folds: int = 5,
        fold: int = 0,
        split_seed: int = 0,
        image_column: str = "image",
        label_column: str = "label",
        classes_from: str | None = None,
        classes: Sequence[str] | str | None = None,
        lazy_init: bool = False,
        **kwargs: object,
    ) -> None:
        check_part(part, ("train", "val", "all"))
        self.part, self.split_seed = part, split_seed
        self.folds, self.fold = folds, fold
        super().__init__(
            ann_file,
            data_root=find_data_root(data_root, "leaves"),
            classes=classes,
            lazy_init=True,
            **kwargs,
        )
        self._folder = Path(self.img_prefix).as_posix()
        columns = {"image_column": image_column, "label_column": label_column}
        self.columns = columns
        with quick_collect():
            self._rows = read_labelled_images(self.ann_file, columns)
            self._known_from = classes_from or "`classes`"
            self._metainfo["classes"] = self._order(classes_from, columns)
            if not lazy_init:
                self.full_init()

    def load_data_list(self) -> list[dict]:
        """Return ``{"img_path": str, "gt_label": int}`` for each row, in file order."""
        numbers = {name: number for number, name in enumerate(self.CLASSES)}
        for line, label in self._rows.values():
            if label not in numbers:
                raise ValueError(self._unknown_label(line, label))
        samples = [
            {"img_path": self._path(path), "gt_label": numbers[label]}
            for path, (_, label) in self._rows.items()
        ]
        if self.part == "all":
            self._tell_missing()
            return samples
        if len(self.CLASSES) < 2:
            raise ValueError(
                f"{self.ann_file}: found one class only, {self.CLASSES[0]!r}, expected "
                "two or more. Check the column that holds the labels."
            )
        labels = [sample["gt_label"] for sample in samples]
        try:
            fold_of = stratified_folds(labels, self.folds, self.split_seed)
            chosen = fold_part(fold_of, self.part, self.fold, self.folds)
        except ValueError as error:
            raise ValueError(f"{self.ann_file}: {error}") from error
        if n_single := int((fold_of == ALWAYS_TRAIN).sum()):
            print_log(
                f"{self.ann_file}: {n_single} of {len(self.CLASSES)} classes have a "
                "single image, which is in training whichever fold is held out.",
                logger="current",
            )
        return [sample for sample, keep in zip(samples, chosen, strict=True) if keep]

    def _order(
        self, classes_from: str | None, columns: dict[str, str]
    ) -> tuple[str, ...]:
        """Return the classes: given, of another file, or of this one."""
        if self.CLASSES and classes_from:
            raise ValueError(
                f"found both classes and classes_from={classes_from!r}, expected one. "
                "Set the other to None."
            )
        if self.CLASSES:
            return checked_classes(self.CLASSES)
        file, rows = self.ann_file, self._rows
        if classes_from:
            file = str(Path(self.data_root, Path(classes_from).expanduser()))
            rows = read_labelled_images(file, columns)
        for line, label in rows.values():
            if label.lower() == "nan":  # What programs write for a label they lack.
                raise ValueError(
                    f"{file}, line {line}: found the label {label!r}, expected a class "
                    "name. Write it there, or take the row out; if there is such a "
                    "class, name all in `classes`."
                )
        return checked_classes(sorted({label for _, label in rows.values()}))

    def _tell_missing(self) -> None:
        found = {label for _, label in self._rows.values()}
        if missing := [name for name in self.CLASSES if name not in found]:
            print_log(
                f"{self.ann_file}: {len(missing)} of {len(self.CLASSES)} classes have "
                f"no image here: {some_names(missing)}.",
                logger="current",
                level=logging.WARNING,
            )

    def source_of(self, img_path: str) -> str:
        """Return where the file names ``img_path``: ``"train.csv, line 37"``."""
        line = self._lines.get(img_path)
        return f"{self.ann_file}, line {line}" if line else self.ann_file

    def listed_images(self) -> list[str]:
        """Return the image of each row, of every fold, once."""
        return list(self._lines)

    @cached_property
    def _lines(self) -> dict[str, int]:
        rows = self._rows.items()
        return {self._path(path): line for path, (line, _) in rows}

    def _path(self, written: str) -> str:
        return f"{self._folder}/{existing_form(self._folder, written)}"

    def _unknown_label(self, line: int, label: str) -> str:
        near = difflib.get_close_matches(label, self.CLASSES, n=1, cutoff=0.0)[0]
        return (
            f"{self.ann_file}, line {line}: found the label {label!r}, expected one of "
            f"the {len(self.CLASSES)} in {self._known_from}, of which {near!r} is the "
            f"nearest. Correct it, or add it to {self._known_from}."
        )


def read_labelled_images(
    file: str, columns: dict[str, str]
) -> dict[str, tuple[int, str]]:
    """Read which label each image has.

    Args:
        file: A CSV file.
        columns: ``{"image_column": name, "label_column": name}``.

    Returns:
        Line and label of each image by its path, relative, with ``/``; in file order.

    Raises:
        ValueError: If a field is empty, a path leaves the data root, or an image has
            two labels.
    """
    images: dict[str, tuple[int, str]] = {}
    repeated = 0
    image_column, label_column = columns.values()
    for line, image, label in read_columns(file, columns):
        label = nfc(label.strip())
        if not label:
            raise ValueError(
                f"{file}, line {line}: found no {label_column!r}, expected a class "
                "name. Write it there, or take the row out."
            )
        path = read_path(file, line, image, image_column)
        if path not in images:
            images[path] = line, label
        elif images[path][1] == label:
            repeated += 1
        else:
            first, other = images[path]
            raise ValueError(
                f"{file}, line {line}: found {path!r} with the label {label!r}, "
                f"expected {other!r} as in line {first}. Take out the wrong line."
            )
    if repeated:
        print_log(
            f"{file}: {repeated} rows name an image and label that an earlier row has "
            "named; each image is taken once.",
            logger="current",
        )
    return images
