"""Views of an image: what a pipeline makes of it, the same at every call."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from torch.utils.data import Dataset

from mmleaves.cache.feature_store import KEY_BYTES
from mmleaves.draws import drawing_from

# Those that make the same of an image each time.
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
# What packs, and what it packs beside the image.
_LABELS = {"AttachFeatures", "PackInputs"}
_VIEW_BYTES = 4


def random_transforms(dataset: BaseDataset) -> list[str]:
    """Return the transforms of a pipeline that make another image each time."""
    names = [type(step).__name__ for step in dataset.pipeline.transforms]
    return [name for name in names if name not in _FIXED]


def pipeline_text(dataset: BaseDataset) -> str:
    """Return all that a pipeline's transforms are set to."""
    return "; ".join(
        f"{type(step).__module__}.{type(step).__name__} {_settings(step)}"
        for step in dataset.pipeline.transforms
    )


def _settings(step: object) -> list[tuple[str, object]]:
    # Where decoded images are kept changes nothing of them.
    return sorted((k, v) for k, v in vars(step).items() if k != "cache")


def content_key(path: str) -> bytes:
    """Return what stands for the bytes of a file."""
    size = KEY_BYTES - _VIEW_BYTES
    return blake2b(Path(path).read_bytes(), digest_size=size).digest()


def view_key(content: bytes, view: int) -> bytes:
    """Return the key of view number ``view`` of an image with that content."""
    return content + view.to_bytes(_VIEW_BYTES, "little")


class Views(Dataset):
    """Views of a data set's images, to be computed by the workers of a loader.

    The chance in view number k of an image goes by its content and by k alone: not by
    the run's seed, nor by the image's place, so that every run has the same views.

    Args:
        dataset: With a pipeline that ends in ``PackInputs``.
        wanted: Number of the image in ``dataset``, and key of the view.
    """

    def __init__(
        self, dataset: BaseDataset, wanted: Sequence[tuple[int, bytes]]
    ) -> None:
        self.dataset, self.wanted = dataset, wanted

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, place: int) -> torch.Tensor:
        """Return the image, (C, H, W), uint8."""
        index, key = self.wanted[place]
        seed = int.from_bytes(blake2b(key, digest_size=4).digest(), "little")
        with drawing_from(seed):
            return self.dataset[index]["inputs"]


def packed_labels(dataset: BaseDataset, index: int) -> object:
    """Return the data sample of an image without reading the image."""
    results = dataset.get_data_info(index)
    nothing = np.zeros((1, 1, 3), np.uint8)
    results |= {"img": nothing, "img_shape": (1, 1), "ori_shape": (1, 1)}
    for step in dataset.pipeline.transforms:
        if type(step).__name__ in _LABELS:
            results = step(results)
    return results["data_samples"]
