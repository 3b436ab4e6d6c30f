"""Views of an image: what a pipeline makes of it, the same at every call."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePath

import numpy as np
import torch
from mmengine.dataset import BaseDataset, Compose
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

from mmleaves.cache.feature_store import KEY_BYTES
from mmleaves.cache.identity import described
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.draws import drawing_from
from mmleaves.transforms.load_image import LoadImage

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
# What packs, and what it packs beside the image.
_LABELS = {"AttachFeatures", "PackInputs"}
_NOT_OF_THE_PIXELS = {"img_path", "gt_label", "sample_idx"}
# Of a data set: what it holds of each image is in the image's key, or packed anew.
_OF_IMAGES = {
    *("pipeline", "data_list", "data_bytes", "data_address", "_fully_initialized"),
    *("_metainfo", "dataset", "datasets"),
}
_VIEW_BYTES = 4


def random_transforms(dataset: BaseDataset) -> list[str]:
    """Return the transforms of a pipeline that make another image each time."""
    kinds = map(type, _pipeline(dataset).transforms)
    return [kind.__name__ for kind in kinds if not _is_fixed(kind)]


def _is_fixed(kind: type) -> bool:
    # Another's transform of the same name may draw.
    return kind.__name__ in _FIXED and kind.__module__.split(".")[0] in _PACKAGES


def pipeline_text(dataset: BaseDataset) -> str:
    """Return all that what a pipeline makes of an image depends on.

    And what a data set of one's own does to it, as where it gives two images mixed.

    Raises:
        ValueError: If the data set joins some with different pipelines.
    """
    own = [
        [described(type(each)), described(_settings_of_dataset(each))]
        for each in _with_wrapped(dataset)
        if _reads_in_its_own_way(type(each))
    ]
    return _text(_pipeline(dataset)) + (json.dumps(own) if own else "")


def _with_wrapped(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    if isinstance(dataset, BaseDataset):
        return
    for wrapped in getattr(dataset, "datasets", None) or [
        getattr(dataset, "dataset", None)
    ]:
        if wrapped is not None:
            yield from _with_wrapped(wrapped)


def _reads_in_its_own_way(kind: type) -> bool:
    reads = (getattr(kind, name, None) for name in ("__getitem__", "prepare_data"))
    return any(
        (function.__module__ or "").split(".")[0]
        not in {"torch", "mmengine", *_PACKAGES}
        for function in reads
        if hasattr(function, "__module__")
    )


def _settings_of_dataset(dataset: Dataset) -> dict[str, object]:
    return {k: v for k, v in sorted(vars(dataset).items()) if k not in _OF_IMAGES}


def _pipeline(dataset: BaseDataset) -> Compose:
    pipelines = [inner.pipeline for inner in inner_datasets(dataset)]
    if len(set(map(_text, pipelines))) > 1:
        raise ValueError(
            f"feature_cache: the data sets that {type(dataset).__name__} joins have "
            "different pipelines, expected one for all. Give them one, or leave out "
            "feature_cache."
        )
    return pipelines[0]


def _text(pipeline: Compose) -> str:
    return json.dumps(
        [
            [described(type(step)), described(_settings(step))]
            for step in pipeline.transforms
            if type(step).__name__ != "AttachFeatures"
        ]
    )


def _settings(step: object) -> dict[str, object]:
    # Where decoded images are kept changes nothing of them.
    left_out = {"cache"} if isinstance(step, LoadImage) else set()
    return {k: v for k, v in sorted(vars(step).items()) if k not in left_out}


def content_key(info: Mapping[str, object], roots: Sequence[str] = ()) -> bytes:
    """Return what stands for an image: its file's bytes, and what else is said of it.

    Args:
        info: The data set's, with ``img_path``, the path of a local file, or ``img``.
        roots: Folders in which other files that it names may be, as from here.
    """
    digest = blake2b(digest_size=KEY_BYTES - _VIEW_BYTES)
    if "img_path" in info:
        digest.update(Path(info["img_path"]).read_bytes())
    # Such as a box to cut out; a transform may read it.
    if others := {k: v for k, v in info.items() if k not in _NOT_OF_THE_PIXELS}:
        digest.update(json.dumps(described(others)).encode())
        for path in _paths(others):
            # Such as a mask: another one under its name makes other pixels.
            for file in (Path(root, path) for root in ("", *roots)):
                if file.is_file():
                    digest.update(blake2b(file.read_bytes()).digest())
    return digest.digest()


def roots_of(dataset: Dataset) -> list[str]:
    """Return the folders of the data sets within one."""
    roots = (getattr(inner, "data_root", None) for inner in inner_datasets(dataset))
    return sorted({str(root) for root in roots if root})


def _paths(info: Mapping[str, object]) -> Iterator[str | PurePath]:
    for name, value in info.items():
        if isinstance(value, Mapping):
            yield from _paths(value)
        elif str(name).endswith(("_path", "_paths")):
            values = value if isinstance(value, list | tuple) else [value]
            yield from (path for path in values if isinstance(path, str | PurePath))


def view_key(content: bytes, view: int) -> bytes:
    """Return the key of view number ``view`` of an image with that content."""
    return content + view.to_bytes(_VIEW_BYTES, "little")


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
        if content_key(info, self._roots) != key[:-_VIEW_BYTES]:
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
    for step in _pipeline(dataset).transforms:
        if type(step).__name__ in _LABELS:
            results = step(results)
    return results["data_samples"]
