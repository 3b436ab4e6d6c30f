"""What a data set and each of its images are known by, whatever they are called."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePath

from mmengine.dataset import BaseDataset, Compose
from torch.utils.data import Dataset

from mmleaves.cache.feature_store import KEY_BYTES
from mmleaves.cache.identity import described
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.transforms.load_image import LoadImage

# Packages whose data sets do nothing to an image but what their pipeline does.
_PACKAGES = {"torch", "mmengine", "mmcv", "mmpretrain", "mmleaves"}
# What is packed beside the image.
_NOT_OF_THE_PIXELS = {"img_path", "gt_label", "sample_idx"}
# Of a data set: what it holds of each image is in the image's key, or packed anew.
_OF_IMAGES = {
    *("pipeline", "data_list", "data_bytes", "data_address", "_fully_initialized"),
    *("_metainfo", "dataset", "datasets"),
}
VIEW_BYTES = 4


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
    return _text(pipeline_of(dataset)) + (json.dumps(own) if own else "")


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
        (function.__module__ or "").split(".")[0] not in _PACKAGES
        for function in reads
        if hasattr(function, "__module__")
    )


def _settings_of_dataset(dataset: Dataset) -> dict[str, object]:
    return {k: v for k, v in sorted(vars(dataset).items()) if k not in _OF_IMAGES}


def pipeline_of(dataset: BaseDataset) -> Compose:
    """Return the pipeline of a data set, and of all that it joins.

    Raises:
        ValueError: If they have different ones.
    """
    pipelines = [inner.pipeline for inner in inner_datasets(dataset)]
    if len(pipelines) > 1 and len(set(map(_text, pipelines))) > 1:
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
    digest = blake2b(digest_size=KEY_BYTES - VIEW_BYTES)
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
    return content + view.to_bytes(VIEW_BYTES, "little")
