import os
from collections.abc import Sequence
from pathlib import Path

from mmpretrain.datasets import BaseDataset

from mmleaves.archives.reading import ARCHIVE_ENDINGS
from mmleaves.datasets.csv_table import read_columns, read_path
from mmleaves.datasets.image_files import (
    IMAGE_EXTENSIONS,
    existing_form,
    is_image_name,
    list_images,
)
from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.datasets.where_to_get import find_data_root, unpack_advice
from mmleaves.registry import DATASETS


@DATASETS.register_module()
class UnlabelledImages(BaseDataset):
    """Images to predict: from a CSV file, a folder, image files, or several of these.

    Args:
        data_root: Folder that a relative ``source`` starts from, and the paths in a CSV
            file too; if empty, the current folder, and for them the CSV file's own.
        source: A CSV file such as Kaggle's ``test.csv``, a folder, which is searched at
            any depth, an image file, or a list of these. Each is taken in turn; a CSV
            in file order, every row; a folder sorted by path.
        image_column: Column of a CSV file with the images' paths.

    Raises:
        FileNotFoundError: If a source is missing.
        ValueError: If a source holds no images, or is neither.
    """

    def __init__(
        self,
        data_root: str = "",
        *,
        source: str | Sequence[str],
        image_column: str = "image",
        lazy_init: bool = False,
        **kwargs: object,
    ) -> None:
        self.sources = [source] if isinstance(source, str | os.PathLike) else source
        self.image_column = image_column
        root = find_data_root(data_root, "leaves")
        super().__init__("", data_root=root, lazy_init=True, **kwargs)
        if not lazy_init:
            with quick_collect():
                self.full_init()

    def load_data_list(self) -> list[dict]:
        """Return ``{"img_path": str, "image": str}`` for each image.

        ``image`` is the path as the CSV file has it, or relative to the folder.
        """
        samples = []
        for source in self.sources:
            samples += self._samples(
                Path(self.data_root, Path(source).expanduser()).as_posix()
            )
        if not samples:
            raise ValueError(
                "`source`: found an empty list, expected a CSV file, a folder or an "
                "image. Name one."
            )
        return samples

    def _samples(self, source: str) -> list[dict]:
        if Path(source).is_dir():
            return self._from_folder(source)
        if source.lower().endswith(".csv"):
            return self._from_csv(source)
        if not Path(source).exists():
            raise FileNotFoundError(
                f"{source}: found no such file or folder, expected a CSV file, a "
                "folder or an image. Correct `source`, or `data_root`, where it starts."
            )
        if is_image_name(source):
            return [{"img_path": source, "image": Path(source).name}]
        if source.lower().endswith(ARCHIVE_ENDINGS):
            raise ValueError(
                f"{source}: found an archive, expected a folder, a CSV file or an "
                f"image. {unpack_advice(Path(source))}"
            )
        raise ValueError(
            f"{source}: found a file that ends neither in .csv nor like an image "
            f"({', '.join(IMAGE_EXTENSIONS)}), expected one of these or a "
            "folder. Rename it, or name another."
        )

    def _from_folder(self, folder: str) -> list[dict]:
        images, n_others = list_images(folder)
        if not images:
            raise ValueError(
                f"{folder}: found no images and {n_others} other files, expected "
                f"files that end in {', '.join(IMAGE_EXTENSIONS)}. Name another folder."
            )
        return [{"img_path": f"{folder}/{i}", "image": i} for i in images]

    def _from_csv(self, file: str) -> list[dict]:
        root = Path(self.data_root or Path(file).parent).as_posix()
        rows = read_columns(file, {"image_column": self.image_column})
        column = self.image_column
        paths = [read_path(file, line, image, column) for line, image in rows]
        return [
            {"img_path": f"{root}/{existing_form(root, path)}", "image": image}
            for path, (_, image) in zip(paths, rows, strict=True)
        ]
