"""Whether an image that is scored was trained on."""

import os
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

from mmengine.dataset import BaseDataset


def image_paths(dataset: BaseDataset) -> list[str]:
    """Return the path of every image in ``dataset``, in its order."""
    return [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]


def image_keys(paths: Iterable[str]) -> dict[int, str]:
    """Return the paths by a number of 63 bits that stands for the file.

    However a file is named, through links or from another folder, the number is the
    same. On another machine or in another place it is not.
    """
    return {_number(os.path.realpath(path)): path for path in paths}


def moving_keys(datasets: Iterable[BaseDataset]) -> dict[int, tuple[str, int]]:
    """Return path and label of each image by a number that moves along with the data.

    It stands for the path below the data set's root, and for the data set's place among
    the others, as two may have files of the same name.
    """
    keys = {}
    for place, dataset in enumerate(datasets):
        labels = dataset.get_gt_labels().tolist()
        for path, label in zip(image_paths(dataset), labels, strict=True):
            keys[_number(f"{place}:{_below_root(dataset, path)}")] = (path, label)
    return keys


def _below_root(dataset: BaseDataset, path: str) -> str:
    path = os.path.normpath(path)
    # The folder of the images may be outside of the root.
    for root in (dataset.data_root, dataset.data_prefix.get("img_path")):
        start = os.path.join(os.path.normpath(root), "") if root else None  # noqa: PTH118
        if start and path.startswith(start):
            return path.removeprefix(start)
    return path


def _number(name: str) -> int:
    digest = blake2b(os.fsencode(name), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def trained_keys(checkpoint: Mapping) -> set[int]:
    """Return the keys of the images that a checkpoint was trained on, as `image_keys`.

    None are of checkpoints that do not say it.
    """
    keys = checkpoint.get("meta", {}).get("train_images")
    return set() if keys is None else set(keys.tolist())


def check_overlap(trained: Collection[int], scored: dict[int, str], part: str) -> None:
    """Refuse to score images that were trained on.

    Args:
        trained: Keys of the training images, as of `image_keys`.
        scored: Paths of the images to score, by their keys.
        part: What the scored images are called.

    Raises:
        ValueError: If there are any; names one.
    """
    if shared := scored.keys() & set(trained):
        raise ValueError(
            f"{len(shared)} of the {len(scored)} images in the {part} part are trained "
            f"on too, such as {min(scored[key] for key in shared)}; a score on them "
            "would say nothing. Give the data sets different `part`s, or other files, "
            "and the same `split_seed` as in training."
        )
