"""What lies inside data sets that wrap others: repeated, balanced, concatenated."""

from collections.abc import Iterator

from mmengine.dataset import BaseDataset


def inner_configs(dataset: dict) -> Iterator[dict]:
    """Yield the configs of the data sets that read images, within any wrappers.

    Args:
        dataset: Config of a data set, or of a wrapper such as ``RepeatDataset``
            (``dataset=...``) or ``ConcatDataset`` (``datasets=[...]``).
    """
    inner = dataset.get("datasets") or [dataset.get("dataset")]
    if inner == [None]:
        yield dataset
        return
    for child in inner:
        yield from inner_configs(child)


def inner_datasets(dataset: object) -> Iterator[BaseDataset]:
    """Yield the data sets that read images, within any wrappers.

    Raises:
        ValueError: If ``dataset`` is neither one nor a wrapper of some.
    """
    if isinstance(dataset, BaseDataset):
        yield dataset
        return
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    if inner == [None]:
        raise ValueError(
            f"The data set {type(dataset).__name__} cannot be checked: expected one "
            "that derives from MMEngine's BaseDataset, or a wrapper of such."
        )
    for child in inner:
        yield from inner_datasets(child)
