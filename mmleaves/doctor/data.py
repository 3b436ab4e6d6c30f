"""Whether the data are there, and enough for one step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmleaves.datasets.class_check import check_same_classes, check_trained_classes
from mmleaves.datasets.overlap import check_overlap, image_keys, image_paths
from mmleaves.datasets.quiet_build import build_quietly
from mmleaves.datasets.wrappers import inner_configs
from mmleaves.doctor.finding import Finding


@dataclass
class DataFacts:
    """What the data are, as far as they could be read.

    Args:
        classes: Names of the training part's, None if they could not be read.
        sizes: Images by loader.
    """

    classes: tuple[str, ...] | None = None
    sizes: dict[str, int] = field(default_factory=dict)


def check_data(cfg: Config, facts: DataFacts) -> Iterator[Finding]:
    """Yield what is wrong with the lists of images; no image is read.

    Args:
        cfg: The config, its data sets filled in.
        facts: Filled in.
    """
    parts: dict[str, list[BaseDataset]] = {}
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        loader = cfg.get(name)
        if not loader or not loader.get("dataset"):
            continue
        try:
            own = [build_quietly(config) for config in inner_configs(loader["dataset"])]
        except (FileNotFoundError, NotADirectoryError) as error:
            where = "dataset.data_root" if cfg.get("dataset") else f"{name}.dataset"
            line = 'dataset = dict(data_root="...")'
            yield Finding("error", "data", where, str(error), line)
            return
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            yield Finding("error", "data", f"{name}.dataset", str(error))
            return
        parts[name] = own
        facts.sizes[name] = sum(len(dataset) for dataset in own)
    if "train_dataloader" in parts:
        classes = parts["train_dataloader"][0].metainfo.get("classes")
        facts.classes = tuple(classes) if classes else None
        yield from _check_parts(parts, facts.classes or ())
        yield from _check_batches(cfg, facts.sizes["train_dataloader"])


def _check_parts(
    parts: dict[str, list[BaseDataset]], classes: tuple[str, ...]
) -> Iterator[Finding]:
    (train, *_) = parts["train_dataloader"]
    for name, datasets in parts.items():
        try:
            for dataset in datasets:
                other = dataset.metainfo.get("classes") or ()
                check_same_classes(classes, other, other_name=name)
            if name == "val_dataloader":
                trained = image_keys(image_paths(train))
                for dataset in datasets:
                    scored = image_keys(image_paths(dataset))
                    check_overlap(trained, scored, "validation")
        except ValueError as error:
            yield Finding("error", "data", f"{name}.dataset", str(error))
    try:
        labels = [
            label
            for part in parts["train_dataloader"]
            for label in part.get_gt_labels()
        ]
        check_trained_classes(classes, labels)
    except ValueError as error:
        yield Finding("error", "data", "train_dataloader.dataset", str(error))


def _check_batches(cfg: Config, n_images: int) -> Iterator[Finding]:
    loader = cfg.train_dataloader
    size = loader.get("batch_size") or 1
    if loader.get("drop_last") and n_images < size:
        yield Finding(
            "error",
            "batch",
            "train_dataloader.drop_last",
            f"found True, batches of {size} and {n_images} images: an epoch would have "
            "no step.",
            f"train_dataloader = dict(batch_size={max(1, n_images // 4)})",
        )
