"""Images that cannot be used: all found at once, dropped if asked, never replaced."""

from collections.abc import Sequence

from mmengine.dataset import BaseDataset, Compose

from mmleaves.datasets.overlap import image_paths
from mmleaves.datasets.wrappers import inner_datasets


def find_bad_images(paths: Sequence[str], max_megapixels: float) -> dict[str, str]:
    """Decode every image, and return what is wrong with those that cannot be used.

    Args:
        paths: Image files, each read once.
        max_megapixels: A file whose header announces more is not decoded.
    """
    # Deferred: the audit reads data sets itself.
    from mmleaves.audit.reading import read_images

    return read_images(paths, max_megapixels=max_megapixels)[1]


def max_megapixels(dataset: BaseDataset) -> float:
    """Return the limit that the pipeline's LoadImage sets, or its default."""
    from mmleaves.transforms.load_image import LoadImage

    loaders = [t for t in dataset.pipeline.transforms if isinstance(t, LoadImage)]
    return (loaders or [LoadImage()])[0].max_megapixels


def drop_bad_images(dataset: object) -> dict[str, str]:
    """Take the images that cannot be used out of a data set, wrapped or not.

    Nothing takes their place: the data set becomes shorter, and stays so.

    Returns:
        What is wrong with each, by its path.

    Raises:
        ValueError: If no image can be used.
    """
    if isinstance(dataset, BaseDataset):
        paths = image_paths(dataset)
        bad = find_bad_images(paths, max_megapixels(dataset))
        kept = [index for index, path in enumerate(paths) if path not in bad]
        if not kept:
            path, problem = next(iter(bad.items()))
            raise ValueError(
                f"--skip-bad: found {len(paths)} images and none that can be used, "
                f"such as {path}: {problem} Correct the folder, or get them again."
            )
        if bad:
            dataset.get_subset_(kept)
        return bad
    children = getattr(dataset, "datasets", None) or [dataset.dataset]
    bad = {
        path: problem
        for child in children
        for path, problem in drop_bad_images(child).items()
    }
    if bad:
        # A wrapper counts what it wraps when it starts.
        dataset._fully_initialized = False
        dataset.full_init()
    return bad


class StrictPipeline(Compose):
    """A pipeline that makes something of every image, or says of which it does not.

    Where one returns None, MMEngine puts another image in its place, drawn at random,
    and says nothing.
    """

    def __call__(self, data: dict) -> dict:
        path = data.get("img_path", "an image")
        sample = super().__call__(data)
        if sample is None:
            names = ", ".join(type(step).__name__ for step in self.transforms)
            raise ValueError(
                f"{path}: the pipeline made nothing of it (one of {names} returned "
                "None), expected a sample of every image. Correct that transform, or "
                "take the image out of the data set."
            )
        return sample


def refuse_substitutes(dataset: object) -> None:
    """Give the data sets in ``dataset`` pipelines that make something of every image.

    Raises:
        ValueError: As of `inner_datasets`.
    """
    for inner in inner_datasets(dataset):
        if not isinstance(inner.pipeline, StrictPipeline):
            inner.pipeline = StrictPipeline(inner.pipeline.transforms)
