import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset

from mmleaves.datasets.class_order import (
    BACKGROUND,
    check_class_folders,
    check_no_unknown_class,
    checked_classes,
    class_folders,
    some_names,
)
from mmleaves.datasets.class_sizes import sizes_from_options
from mmleaves.datasets.image_files import is_ignored, is_image_name, list_images
from mmleaves.datasets.list_files import split_by_lists
from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.datasets.splits import check_part, split_classes
from mmleaves.datasets.where_to_get import find_data_root, find_folder_in
from mmleaves.registry import DATASETS

PARTS = {
    "train": ("train",),
    "val": ("val",),
    "train+val": ("train", "val"),
    "test": ("test",),
    "all": ("train", "val", "test"),
}


@DATASETS.register_module()
class CaltechFolders(BaseDataset):
    """Images in one folder a class: Caltech-101 and -256, CIFAR-10, CUB, your own.

    The classes are the folders' names, sorted by Unicode code point. Images lie at any
    depth in them; hidden files and folders, and files that are no images, are left out.

    There are three ways to split, the first unless another is chosen: a number of
    images a class, a share of each class, or list files. The rest is for testing.

    Args:
        data_root: Folder of the data set.
        data_prefix: Folder in it that holds the class folders, if it does not itself.
        part: ``"train"``, ``"val"``, both as ``"train+val"``, ``"test"``, or ``"all"``.
        train_per_class: Images of each class for ``"train+val"``, 30 by default.
        val_per_class: How many of them, or of a list's, are ``"val"``, 5 by default.
        train_fraction: Share of each class for ``"train"``, in (0, 1].
        val_fraction: Share of each class for ``"val"``, in [0, 1), 0 by default.
        split_seed: Seed of the drawing.
        train_list: File with the paths of the images for ``"train+val"``, one a line,
            below the folder that holds the class folders; the file itself is below
            ``data_root``, or absolute.
        test_list: File with those for ``"test"``; without it, all that the other lacks.
        include_background: Whether ``BACKGROUND_Google`` is a class too.
        classes_from: Folder in ``data_root`` whose class folders give the classes, as
            when those of ``test/`` must be numbered like those of ``train/``.
        classes: Class names in order, or a file of them, instead.

    Raises:
        FileNotFoundError: If a folder or a file is missing.
        ValueError: If the folders do not fit the classes, a class is empty or too
            small, or options contradict each other.
    """

    def __init__(
        self,
        data_root: str,
        data_prefix: str = "",
        *,
        part: str = "train",
        train_per_class: int | None = None,
        val_per_class: int | None = None,
        train_fraction: float | None = None,
        val_fraction: float | None = None,
        split_seed: int = 0,
        train_list: str | None = None,
        test_list: str | None = None,
        include_background: bool = False,
        classes_from: str | None = None,
        classes: Sequence[str] | str | None = None,
        lazy_init: bool = False,
        **kwargs: object,
    ) -> None:
        check_part(part, PARTS)
        self.part, self.split_seed = part, split_seed
        self._lists = {"train": train_list, "test": test_list}
        self._sizes = sizes_from_options(
            train_per_class=train_per_class,
            val_per_class=val_per_class,
            train_fraction=train_fraction,
            val_fraction=val_fraction,
            by_lists=bool(train_list or test_list),
        )
        root = find_data_root(data_root, "caltech")
        super().__init__(
            "",
            data_root=root,
            data_prefix=data_prefix,
            classes=classes,
            lazy_init=True,
            **kwargs,
        )
        self._folder = Path(self.img_prefix).as_posix()
        find_folder_in(root, self._folder, "data_prefix")
        self._metainfo["classes"] = self._order(classes_from, include_background)
        if not lazy_init:
            with quick_collect():
                self.full_init()

    def load_data_list(self) -> list[dict]:
        """Return ``{"img_path": str, "gt_label": int}``, sorted by class, then path."""
        paths, labels = self._scan()
        try:
            wanted = np.isin(self._part_of(paths, labels), PARTS[self.part])
        except ValueError as error:
            raise ValueError(f"{self._folder}: {error}") from error
        if not wanted.any():
            raise ValueError(
                f"{self._folder}: found none of the {len(paths)} images in the part "
                f"{self.part!r}, expected some. Leave some to it by the options that "
                "split, or ask for another part."
            )
        numbers = {name: number for number, name in enumerate(self.CLASSES)}
        return [
            {"img_path": f"{self._folder}/{path}", "gt_label": numbers[label]}
            for path, label, keep in zip(paths, labels, wanted, strict=True)
            if keep
        ]

    def _part_of(self, paths: list[str], labels: list[str]) -> np.ndarray:
        if self.part == "all":
            return np.full(len(paths), "train")
        if any(self._lists.values()):
            files = {
                part: file and str(Path(self.data_root, Path(file).expanduser()))
                for part, file in self._lists.items()
            }
            return split_by_lists(paths, labels, files, self._sizes, self.split_seed)
        return split_classes(labels, self._sizes, self.split_seed)

    def _scan(self) -> tuple[list[str], list[str]]:
        paths, labels, n_others = [], [], 0
        for name, folder in self._folders.items():
            files, others = list_images(f"{self._folder}/{folder}")
            if not files:
                raise ValueError(
                    f"{self._folder}/{folder}: found no images and {others} other "
                    f"files, expected images of the class {name!r}. Put some there, or "
                    "take the folder out."
                )
            paths += [f"{folder}/{file}" for file in files]
            labels += [name] * len(files)
            n_others += others
        loose = [path.name for path in Path(self._folder).iterdir() if path.is_file()]
        n_loose = sum(map(is_image_name, loose))
        n_others += sum(not is_ignored(name) for name in loose) - n_loose
        if n_others or n_loose:
            print_log(
                f"{self._folder}: left out {n_others} files that are no images, and "
                f"{n_loose} images outside the class folders.",
                logger="current",
            )
        return paths, labels

    def _order(self, classes_from: str | None, include_background: bool) -> tuple:
        """Set which folders are read, and return the classes."""
        known_from = "`classes`"
        given = self.CLASSES and checked_classes(self.CLASSES)
        if given and classes_from:
            raise ValueError(
                f"found both classes and classes_from={classes_from!r}, expected one. "
                "Set the other to None."
            )
        background = include_background or BACKGROUND in (given or ())
        self._folders = class_folders(self._folder, background)
        if classes_from:
            known_from = Path(self.data_root, classes_from).as_posix()
            find_folder_in(self.data_root, known_from, "classes_from")
            given = tuple(class_folders(known_from, background))
        if not given:
            check_class_folders(self._folder, self._folders)
            return tuple(self._folders)
        check_no_unknown_class(self._folder, self._folders, given, known_from)
        if missing := [name for name in given if name not in self._folders]:
            print_log(
                f"{self._folder}: {len(missing)} of {len(given)} classes have no "
                f"folder here: {some_names(missing)}.",
                logger="current",
                level=logging.WARNING,
            )
        return given
