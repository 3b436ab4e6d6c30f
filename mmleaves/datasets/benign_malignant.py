import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset

from mmleaves.datasets.class_aliases import class_by_name, class_of_folders
from mmleaves.datasets.image_files import list_images
from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.datasets.splits import check_part, fold_part, stratified_folds
from mmleaves.datasets.where_to_get import find_data_root, find_folder_in
from mmleaves.registry import DATASETS


@DATASETS.register_module()
class BenignMalignant(BaseDataset):
    """Images in a folder of benign ones and a folder of malignant ones.

    Benign is 0 and malignant is 1, whatever the folders are called or sorted like. As
    in BUSI, an image's masks may lie beside it (``a_mask.png`` beside ``a.png``): they
    are left out.

    Args:
        data_root: Folder of the data set.
        data_prefix: Folder in it that holds the two folders.
        part: ``"train"`` for every fold but one, ``"val"`` for that one, or ``"all"``.
        folds: Number of stratified folds, 2 or more.
        fold: The fold that is ``"val"``, 0 to ``folds - 1``.
        split_seed: Seed of the folds.
        aliases: More names of folders for a class, as ``{"malignant": ["krebs"]}``;
            they come before those of ``class_aliases.ALIASES``. Capitals do not count.
        positive: The class that is looked for: ``metainfo["positive"]``.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If there are not exactly the two folders, or one is empty.
    """

    METAINFO = {"classes": ("benign", "malignant")}  # noqa: RUF012, as upstream's are

    def __init__(
        self,
        data_root: str,
        data_prefix: str = "train",
        *,
        part: str = "train",
        folds: int = 5,
        fold: int = 0,
        split_seed: int = 0,
        aliases: Mapping[str, Sequence[str]] | None = None,
        positive: str = "malignant",
        lazy_init: bool = False,
        **kwargs: object,
    ) -> None:
        check_part(part, ("train", "val", "all"))
        self.part, self.split_seed = part, split_seed
        self.folds, self.fold = folds, fold
        root = find_data_root(data_root, "benign_malignant")
        super().__init__(
            "", data_root=root, data_prefix=data_prefix, lazy_init=True, **kwargs
        )
        classes = self.METAINFO["classes"]
        if tuple(self.CLASSES) != classes:
            raise ValueError(
                f"`classes`: found {tuple(self.CLASSES)}, expected none: benign is 0 "
                "and malignant is 1. Name folders by `aliases` instead."
            )
        if positive not in classes:
            raise ValueError(
                f"found positive={positive!r}, expected 'benign' or 'malignant'. Set "
                "`positive` to 'malignant'."
            )
        self._metainfo["positive"] = positive
        self._folder = folder = Path(self.img_prefix).as_posix()
        find_folder_in(root, folder, "data_prefix")
        self._folders = class_of_folders(folder, class_by_name(aliases or {}))
        number = classes.index(positive)
        print_log(
            f"{folder}: {self._folders['benign']!r} is benign (0), "
            f"{self._folders['malignant']!r} is malignant (1); {positive} ({number}) "
            "is the positive class. Of two class weights, the first is for benign, the "
            "second for malignant.",
            logger="current",
        )
        if not lazy_init:
            with quick_collect():
                self.full_init()

    def load_data_list(self) -> list[dict]:
        """Return ``{"img_path": str, "gt_label": int}``, benign first, then by path."""
        samples = []
        for number, name in enumerate(self.CLASSES):
            folder = f"{self._folder}/{self._folders[name]}"
            files, n_others = list_images(folder)
            images = without_masks(files)
            if not images:
                raise ValueError(
                    f"{folder}: found no images and {n_others} other files, expected "
                    f"{name} images. Put some there."
                )
            if n_others or len(images) < len(files):
                print_log(
                    f"{folder}: left out {n_others} files that are no images and "
                    f"{len(files) - len(images)} masks.",
                    logger="current",
                )
            samples += [
                {"img_path": f"{folder}/{image}", "gt_label": number}
                for image in images
            ]
        if self.part == "all":
            return samples
        labels = [sample["gt_label"] for sample in samples]
        try:
            fold_of = stratified_folds(labels, self.folds, self.split_seed)
            chosen = fold_part(fold_of, self.part, self.fold, self.folds)
        except ValueError as error:
            raise ValueError(f"{self._folder}: {error}") from error
        return [sample for sample, keep in zip(samples, chosen, strict=True) if keep]


def without_masks(files: Sequence[str]) -> list[str]:
    """Return ``files`` without masks of others, as ``a_mask_1.png`` is of ``a.png``."""
    stems = {file.rpartition(".")[0] for file in files}
    return [
        file
        for file in files
        if not (mask := re.fullmatch(r"(.*)_mask(_\d+)?\.[^.]*", file))
        or mask[1] not in stems
    ]
