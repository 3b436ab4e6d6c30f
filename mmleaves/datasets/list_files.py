"""Splits that text files give: the paths of the images of a part, one a line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmleaves.datasets.class_sizes import Sizes
from mmleaves.datasets.image_files import nfc, relative_path
from mmleaves.datasets.splits import split_classes


def split_by_lists(
    paths: Sequence[str],
    labels: Sequence[str],
    files: Mapping[str, str | None],
    sizes: Sizes,
    seed: int,
) -> np.ndarray:
    """Return the part of each image by a list for training, one for testing, or both.

    If there is but one list, every image that it lacks is in the other part. Images to
    choose with are drawn from those for training.

    Args:
        paths: The images, relative to the folder that the lists are relative to, (N,).
        labels: Their class names, (N,).
        files: List file of ``"train"`` and of ``"test"``, either or both.
        sizes: From a class's name and its number of images for training, how many are
            to train with, and how many to choose with.
        seed: Seed of the drawing.

    Returns:
        ``"train"``, ``"val"``, ``"test"`` or, if it is in no list, ``""``, (N,), str.

    Raises:
        FileNotFoundError: If a list file is missing.
        ValueError: If a path is no image here, or is in both lists; with file and line.
    """
    lines = {
        part: _lines_of_images(file, paths) for part, file in files.items() if file
    }
    if len(lines) == 2:
        for image, line in lines["test"].items():
            if image in lines["train"]:
                raise ValueError(
                    f"{files['test']}, line {line}: found {paths[image]!r}, which is "
                    f"in {files['train']}, line {lines['train'][image]}, too, expected "
                    "it in one of them. Take one of the lines out."
                )
        part_of = np.full(len(paths), "", dtype="<U5")
    else:
        other = "test" if "train" in lines else "train"
        part_of = np.full(len(paths), other, dtype="<U5")
    for part, images in lines.items():
        part_of[list(images)] = part
    train = np.flatnonzero(part_of == "train")
    part_of[train] = split_classes([labels[image] for image in train], sizes, seed)
    return part_of


def _lines_of_images(file: str, paths: Sequence[str]) -> dict[int, int]:
    """Return the line of each image that ``file`` lists, by its place in ``paths``."""
    places = {nfc(path): place for place, path in enumerate(paths)}
    try:
        # Not `splitlines`, for which a name may hold ends of lines, such as U+2028.
        lines = Path(file).read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{file}: found no such file, expected a list of images. Correct the name: "
            "it is relative to `data_root`."
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: found the byte 0x{error.object[error.start]:02x}, expected UTF-8 "
            "text. Save the file as UTF-8."
        ) from error
    images: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            path = relative_path(line)
        except ValueError as error:
            raise ValueError(
                f"{file}, line {number}: {error}, expected a path below the folder of "
                "the classes. Write it relative to that."
            ) from None
        if nfc(path) not in places:
            raise ValueError(
                f"{file}, line {number}: found {path!r}, which is none of the "
                f"{len(paths)} images, expected a path like {paths[0]!r}. Correct it, "
                "or take it out."
            )
        images.setdefault(places[nfc(path)], number)
    if not images:
        raise ValueError(
            f"{file}, line 1: found no paths, expected one a line. Write them there."
        )
    return images
