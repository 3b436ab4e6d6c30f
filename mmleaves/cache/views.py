"""Views of an image: what a pipeline makes of it, the same at every call."""

import json
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

from mmleaves.cache.data_identity import (
    VIEW_BYTES,
    content_key,
    pipeline_of,
    roots_of,
)
from mmleaves.cache.identity import described
from mmleaves.draws import drawing_from

# Those that make the same of an image each time, as these packages have them.
_PACKAGES = {"mmcv", "mmpretrain", "mmleaves"}
_FIXED = {
    "AttachFeatures",
    "CLAHE",
    "CenterCrop",
    "LoadImage",
    "LoadImageFromFile",
    "Normalize",
    "PackInputs",
    "Pad",
    "PadToSquare",
    "Resize",
    "ResizeEdge",
}
# What packs labels.
_LABELS = {"AttachFeatures", "PackInputs"}


def random_transforms(dataset: BaseDataset) -> list[str]:
    """Return the transforms of a pipeline that make another image each time."""
    kinds = map(type, pipeline_of(dataset).transforms)
    return [kind.__name__ for kind in kinds if not _is_fixed(kind)]


def _is_fixed(kind: type) -> bool:
    # Another's transform of the same name may draw.
    return kind.__name__ in _FIXED and kind.__module__.split(".")[0] in _PACKAGES


class Views(Dataset):
    """Views of a data set's images, to be read by the workers of a loader.

    The chance in view number k of an image goes by its content and by k alone: not by
    the run's seed, nor by the image's place, so that every run has the same views.

    Args:
        dataset: With a pipeline that ends in ``PackInputs``.
        wanted: Number of the image in ``dataset``, and key of the view.
        shape: (C, H, W) that each has.
    """

    def __init__(
        self,
        dataset: BaseDataset,
        wanted: Sequence[tuple[int, bytes]],
        shape: Sequence[int],
    ) -> None:
        self.dataset, self.wanted, self.shape = dataset, wanted, tuple(shape)
        self._roots = roots_of(dataset)

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, place: int) -> torch.Tensor:
        """Return the image, (C, H, W), uint8.

        Raises:
            ValueError: If it is of another size, its label is another than the data
                set's, or its file was written anew since the key was made.
        """
        index, key = self.wanted[place]
        seed = int.from_bytes(blake2b(key, digest_size=4).digest(), "little")
        with drawing_from(seed):
            packed = self.dataset[index]
        image = packed["inputs"]
        info = self.dataset.get_data_info(index)
        if content_key(info, self._roots) != key[:-VIEW_BYTES]:
            raise ValueError(
                f"feature_cache: {info.get('img_path', f'image {index}')} changed "
                "while its features were computed, expected files that nobody writes "
                "to. Start the run again; what was computed of others is kept."
            )
        check_label(self.dataset, index, packed["data_samples"])
        if tuple(image.shape) != self.shape:
            raise ValueError(
                f"feature_cache: image {index} is of shape {tuple(image.shape)}, "
                f"expected {self.shape}, as the first is. Let the pipeline give all "
                "one size, such as by CenterCrop, or leave out feature_cache."
            )
        return image


def check_label(dataset: BaseDataset, index: int, given: DataSample) -> None:
    """Refuse a pipeline that makes labels, or more, which the cache would not see.

    Args:
        dataset: The data set.
        index: Number of the image.
        given: What the pipeline made of it.

    Raises:
        ValueError: If its label, or what else is packed, is not the data set's.
    """
    expected = packed_labels(dataset, index)
    if "gt_label" in given and not torch.equal(given.gt_label, expected.gt_label):
        raise ValueError(
            f"The pipeline makes label {given.gt_label.tolist()} of label "
            f"{expected.gt_label.tolist()} of image {index}, and feature_cache takes "
            "the data set's. Set labels there, or leave out feature_cache."
        )
    for name in given.keys():  # noqa: SIM118 - a DataSample has no iterator
        if name not in expected or not _same(given.get(name), expected.get(name)):
            raise ValueError(
                f"The pipeline makes {name!r} of image {index}, as of soft labels, and "
                "feature_cache takes what the data set says. Let it come from there, "
                "by PackInputs' algorithm_keys, or leave out feature_cache."
            )


def _same(one: object, other: object) -> bool:
    return json.dumps(described(one)) == json.dumps(described(other))


def packed_labels(dataset: BaseDataset, index: int) -> DataSample:
    """Return the data sample of an image without reading the image."""
    results = dataset.get_data_info(index)
    nothing = np.zeros((1, 1, 3), np.uint8)
    results |= {"img": nothing, "img_shape": (1, 1), "ori_shape": (1, 1)}
    for step in pipeline_of(dataset).transforms:
        if type(step).__name__ in _LABELS:
            results = step(results)
    return results["data_samples"]
