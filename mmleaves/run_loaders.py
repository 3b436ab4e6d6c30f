"""The data loaders of a run: what they leave out, what they keep, what they need."""

from collections.abc import Iterable
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from mmleaves.cache.image_cache_folder import FULL
from mmleaves.cache.image_cache_settings import ImageCacheSettings
from mmleaves.cache.keep_decoded import keep_decoded
from mmleaves.datasets.bad_images import drop_bad_images
from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.names_as_text import as_text
from mmleaves.registry import DATASETS


def refuse_empty(loader: DataLoader) -> None:
    """Raise a ValueError if a loader makes no batch."""
    if len(loader) > 0:
        return
    images, size = len(loader.dataset), loader.batch_size
    if images and loader.drop_last:
        raise ValueError(
            f"The data loader makes no batch: found {images} images and "
            f"batch_size={size} with drop_last=True, which leaves out a batch that is "
            f"not full, expected {size} images or more. Set the loader's batch_size "
            f"to {images} or less, or drop_last=False."
        )
    raise ValueError(
        f"The data loader makes no batch: found {images} images, expected one or more. "
        "Look at the options that split the data."
    )


def without_bad_images(
    loader: dict, part: str, logger: MMLogger
) -> tuple[dict, dict[str, str]]:
    """Build a loader's data set, and leave out the images that cannot be used.

    Args:
        loader: Its config.
        part: What it is for, ``"train"`` or ``"val"``.
        logger: The run's.

    Returns:
        The config with the data set in it, and what is wrong with each image that is
        left out, by its path.
    """
    dataset = DATASETS.build(loader["dataset"])
    dataset.full_init()
    bad = drop_bad_images(dataset)
    if bad:
        shown = [f"{as_text(p)}: {problem}" for p, problem in bad.items()][:100]
        logger.warning(
            f"--skip-bad: {len(bad)} images of the {part} part are left out, and "
            f"{len(dataset)} are used; run.json names all:\n  " + "\n  ".join(shown)
        )
    return {**loader, "dataset": dataset}, bad


def keep_decoded_images(
    given: dict | None,
    loaders: Iterable[dict | None],
    hooks: Iterable[Hook],
    logger: MMLogger,
) -> Path | None:
    """Let loaders keep what they decode, and say where.

    Args:
        given: The config's ``image_cache``, None for none.
        loaders: Configs of loaders, which are changed.
        hooks: Those of the run.
        logger: The run's.

    Returns:
        The folder, if there is one.
    """
    if given is None:
        return None
    settings = ImageCacheSettings(**given)
    folder = keep_decoded(loaders, settings, later_recipes(hooks))
    if folder:
        logger.info(
            f"Decoded images are kept in {folder}, up to {settings.limit_gb:g} GB. To "
            "keep none: image_cache=None."
        )
    return folder


def tell_if_full(folder: Path | None, logger: MMLogger) -> None:
    """Say so if the folder of decoded images had no room for all of them."""
    if folder and (folder / FULL).exists():
        logger.warning(
            f"The decoded images did not all fit into {folder}: those without room "
            "were decoded in each epoch. Set image_cache.limit_gb higher (it takes no "
            "more than half of what the disk has left), or image_cache.folder to a "
            "larger disk."
        )
