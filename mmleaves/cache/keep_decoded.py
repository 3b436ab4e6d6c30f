"""Let a run's pipelines keep what they decode."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmleaves.cache.image_cache_folder import prepare
from mmleaves.cache.image_cache_settings import ImageCacheSettings
from mmleaves.datasets.wrappers import inner_configs
from mmleaves.transforms.load_image import LoadImage


def keep_decoded(
    loaders: Iterable[dict | None],
    settings: ImageCacheSettings,
    recipes: Iterable[Mapping[str, object]] = (),
) -> Path | None:
    """Let the data sets of loader configs keep what they decode.

    An image from which `RandomResizedCrop` cuts is shrunk before, as far as not even
    its smallest crop has to be enlarged.

    Args:
        loaders: Their configs, which are changed.
        settings: Where, and how much.
        recipes: What hooks change from some epoch on: a ``train_pipeline`` in there
            keeps images too, as large as they are.

    Returns:
        The folder, or None if no pipeline begins with this package's ``LoadImage``.
    """
    where = None
    for loader in filter(None, loaders):
        for dataset in inner_configs(loader["dataset"]):
            pipeline = dataset.get("pipeline") or []
            if not _begins_with_ours(pipeline):
                continue
            where = where or prepare(settings)
            folder, limit_bytes = where
            pipeline[0]["cache"] = {"folder": str(folder), "limit_bytes": limit_bytes}
            pipeline[0].setdefault("enough", enough(pipeline))
    if where is None:
        return None
    for recipe in recipes:
        for step in getattr(recipe.get("train_pipeline"), "transforms", [])[:1]:
            if isinstance(step, LoadImage):
                step.cache = {"folder": str(folder), "limit_bytes": limit_bytes}
    return folder


def shrinks(loader: dict | None) -> bool:
    """Return whether large images come smaller out of what `keep_decoded` changes.

    Args:
        loader: A loader's config, as the user gives it; None for none.
    """
    if not isinstance(loader, Mapping):
        return False
    pipelines = [data.get("pipeline") for data in inner_configs(loader["dataset"])]
    return any(
        _begins_with_ours(pipeline)
        and "enough" not in pipeline[0]
        and enough(pipeline) is not None
        for pipeline in pipelines
    )


def _begins_with_ours(pipeline: Sequence[dict] | None) -> bool:
    return bool(pipeline) and pipeline[0].get("type") == "mmleaves.LoadImage"


def enough(pipeline: Sequence[dict]) -> tuple[int, int] | None:
    """Return how large images have to be for the crops of a pipeline.

    Returns:
        As `LoadImage` takes it: how many pixels, and how long a shorter side, are
        enough that no crop has to be enlarged; None for all.
    """
    if len(pipeline) < 2 or pipeline[1].get("type") != "RandomResizedCrop":
        return None
    crop = pipeline[1]
    scale = crop["scale"]
    side = max(scale) if isinstance(scale, Sequence) else scale
    smallest_share = crop.get("crop_ratio_range", (0.08, 1.0))[0]
    if smallest_share == 0:
        return None  # a crop of any smallness
    low, high = crop.get("aspect_ratio_range", (3 / 4, 4 / 3))
    # A crop of this share of the area and of the most extreme shape has a shorter side
    # of sqrt(share * area * narrowest). Where none fits, it has the image's own.
    narrowest = min(low, 1 / high)
    return math.ceil(side**2 / (smallest_share * narrowest)), side
