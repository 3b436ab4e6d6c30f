"""Parts from data sets of MMEngine, and from the configs that name them."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmleaves.audit.name_groups import groups_of_names
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding
from mmleaves.config import LOADERS, fill_datasets
from mmleaves.datasets.csv_table import read_columns, read_path
from mmleaves.datasets.image_files import existing_form
from mmleaves.datasets.leaves_csv import LeavesCSV
from mmleaves.datasets.quiet_build import build_quietly
from mmleaves.datasets.wrappers import inner_configs, inner_datasets


def parts_of_datasets(datasets: Mapping[str, object]) -> list[Part]:
    """Return a part for each data set, by its key.

    Raises:
        ValueError: If a data set neither derives from MMEngine's, nor wraps one.
    """
    return [part_of(name, inner_datasets(built)) for name, built in datasets.items()]


def parts_of_config(
    cfg: Config, group_column: str | None = None, group_pattern: str | None = None
) -> tuple[list[Part], list[Finding]]:
    """Return the parts of a config's data loaders, and what refused to be read.

    Args:
        cfg: A config, as it was loaded.
        group_column: Column of the data sets' CSV files with the group of each image.
        group_pattern: What finds it in the images' names instead, see
            `groups_of_names`.

    Raises:
        FileNotFoundError: If the data are not there.
        ValueError: If the config has no data loaders, a data set that is to have groups
            has no CSV file, or the pattern does not fit.
    """
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    parts, findings = [], []
    for loader in LOADERS:
        if not filled.get(loader):
            continue
        name = loader.partition("_")[0]
        inner = list(inner_configs(filled[loader].dataset))
        try:
            built = [build_quietly(dataset) for dataset in inner]
        except ValueError as error:
            findings.append(_refused(name, error))
            continue
        part = part_of(name, built)
        if group_column:
            group_of = {}
            for config, dataset in zip(inner, built, strict=True):
                group_of |= _groups(config, dataset, group_column)
            part = replace(part, groups=[group_of[path] for path in part.paths])
        elif group_pattern:
            groups = []
            for dataset in built:
                own = part_of(name, [dataset]).paths
                root = Path(getattr(dataset, "img_prefix", "")).absolute().as_posix()
                groups += groups_of_names(own, root, group_pattern)
            part = replace(part, groups=groups)
        parts.append(part)
    if not parts and not findings:
        raise ValueError(
            f"{cfg.filename}: found no data loader, expected one of "
            f"{', '.join(LOADERS)}. Name a config that has data."
        )
    return parts, findings


def config_megapixels(cfg: Config) -> float | None:
    """Return the lowest limit that a pipeline's LoadImage sets, or None."""
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    limits = [
        step["max_megapixels"]
        for loader in LOADERS
        if filled.get(loader)
        for inner in inner_configs(filled[loader].dataset)
        for step in inner.get("pipeline") or ()
        if step.get("type") == "mmleaves.LoadImage" and "max_megapixels" in step
    ]
    return min(limits, default=None)


def _groups(config: dict, dataset: BaseDataset, column: str) -> dict[str, str]:
    """Return the group of each image of a data set by its path."""
    if not isinstance(dataset, LeavesCSV):
        raise ValueError(
            f"--group-column {column}: found a {type(dataset).__name__}, expected "
            "LeavesCSV, whose CSV file can have the column. Leave it out, or find the "
            "groups in the names of the files, by --group-pattern."
        )
    image = config.get("image_column", "image")
    wanted = {"image_column": image, "group_column": column}
    file, root = dataset.ann_file, Path(dataset.img_prefix).as_posix()
    return {
        f"{root}/{existing_form(root, read_path(file, line, path, image))}": (
            group.strip()
        )
        for line, path, group in read_columns(file, wanted)
    }


def part_of_loader(name: str, loader: dict) -> Part:
    """Return the images of a data loader's config as one part.

    Raises:
        FileNotFoundError: If the data are not there.
        ValueError: If they cannot be read.
    """
    return part_of(name, map(build_quietly, inner_configs(loader["dataset"])))


def part_of(name: str, datasets: Iterable[BaseDataset]) -> Part:
    """Return the images of data sets as one part.

    Raises:
        ValueError: If the images are no files, or have several labels.
    """
    part = Part(name, [], [], groups=None, places=[])
    classes: tuple[str, ...] = ()
    for dataset in datasets:
        classes = classes or tuple(dataset.metainfo.get("classes") or ())
        own = tuple(dataset.metainfo.get("classes") or ())
        source_of = getattr(dataset, "source_of", None)
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            label = info.get("gt_label")
            if "img_path" not in info or not isinstance(label, Integral | None):
                raise ValueError(
                    f"{name}: found a {type(dataset).__name__} whose images are no "
                    "files, or have several labels, expected a file and at most one "
                    "label each. Leave this part out."
                )
            part.paths.append(info["img_path"])
            part.labels.append(None if label is None else _name(own, label))
            part.places.append(source_of(info["img_path"]) if source_of else None)
    return Part(name, part.paths, part.labels, classes, None, part.places)


def _name(classes: tuple[str, ...], label: int) -> str:
    return classes[label] if 0 <= label < len(classes) else f"label {label}"


def _refused(name: str, error: ValueError) -> Finding:
    return Finding(
        kind="refused",
        severity="error",
        where=name,
        found=str(error),
        means="The data set cannot be read, so that no run can start.",
        do="As it says.",
    )
