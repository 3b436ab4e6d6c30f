"""Parts from data sets of MMEngine, and from the configs that name them."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmleaves.audit.from_csv import Columns, Table, images_without_row, read_header
from mmleaves.audit.group_columns import find_group_columns
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
    return [
        part_of(name, inner_datasets(built), find_groups=True)
        for name, built in datasets.items()
    ]


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
    parts, refused, _ = _read(cfg, group_column, group_pattern, find_groups=False)
    return parts, refused


def audited_config(
    cfg: Config, group_column: str | None = None, group_pattern: str | None = None
) -> tuple[list[Part], list[Finding]]:
    """Return the parts of a config's data loaders, and all that is wrong around them.

    Unlike `parts_of_config`, it takes groups from a column called ``patient`` or
    ``group`` unless a column, ``""`` for none, or a pattern is given, and names images
    beside the others that no row of a CSV file names.
    """
    find = group_column is None and not group_pattern
    parts, refused, built = _read(cfg, group_column, group_pattern, find_groups=find)
    return parts, [*refused, *unlisted_images(built)]


def unlisted_images(datasets: Mapping[str, Iterable[BaseDataset]]) -> list[Finding]:
    """Return a finding if images lie beside those of CSV files that no row names.

    Args:
        datasets: The data sets of each part.
    """
    tables, others = [], []
    for part, built in datasets.items():
        for dataset in built:
            if isinstance(dataset, LeavesCSV):
                columns = Columns(*dataset.columns.values(), "", dataset.img_prefix)
                listed = dataset.listed_images()
                tables.append(Table(part, dataset.ann_file, columns, listed))
            else:
                infos = map(dataset.get_data_info, range(len(dataset)))
                others += [info["img_path"] for info in infos if "img_path" in info]
    return images_without_row(tables, others) if tables else []


def _read(
    cfg: Config,
    group_column: str | None,
    group_pattern: str | None,
    *,
    find_groups: bool,
) -> tuple[list[Part], list[Finding], dict[str, list[BaseDataset]]]:
    """Return the parts, what refused to be read, and each part's data sets."""
    every: dict[str, list[BaseDataset]] = {}
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    parts, findings = [], []
    for loader in LOADERS:
        if not filled.get(loader):
            continue
        name = loader.partition("_")[0]
        inner = inner_configs(filled[loader].dataset)
        try:
            built = [build_quietly(dataset) for dataset in inner]
        except ValueError as error:
            findings.append(_refused(name, error))
            continue
        every[name] = built
        part = part_of(name, built, find_groups=find_groups)
        if group_column:
            group_of = {}
            for dataset in built:
                group_of |= _groups(dataset, group_column)
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
    return parts, findings, every


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


def _groups(dataset: BaseDataset, column: str) -> dict[str, str]:
    """Return the group of each image of a data set by its path."""
    if not isinstance(dataset, LeavesCSV):
        raise ValueError(
            f"--group-column {column}: found a {type(dataset).__name__}, expected "
            "LeavesCSV, whose CSV file can have the column. Leave it out, or find the "
            "groups in the names of the files, by --group-pattern."
        )
    image = dataset.columns["image_column"]
    wanted = {"image_column": image, "group_column": column}
    file, root = dataset.ann_file, Path(dataset.img_prefix).as_posix()
    return {
        f"{root}/{existing_form(root, read_path(file, line, path, image))}": (
            group.strip()
        )
        for line, path, group in read_columns(file, wanted)
    }


def _found_groups(dataset: BaseDataset) -> tuple[dict[str, str], str | None]:
    """Return the group of each image as of a column known by its name, and its name."""
    if not isinstance(dataset, LeavesCSV):
        return {}, None
    taken = dataset.columns.values()
    (column,) = find_group_columns([read_header(dataset.ann_file)], taken)
    return (_groups(dataset, column) if column else {}), column


def part_of_loader(name: str, loader: dict) -> Part:
    """Return the images of a data loader's config as one part, with their groups.

    Raises:
        FileNotFoundError: If the data are not there.
        ValueError: If they cannot be read.
    """
    built = map(build_quietly, inner_configs(loader["dataset"]))
    return part_of(name, built, find_groups=True)


def part_of(
    name: str, datasets: Iterable[BaseDataset], *, find_groups: bool = False
) -> Part:
    """Return the images of data sets as one part.

    Args:
        name: The part's name.
        datasets: Its data sets.
        find_groups: Whether a CSV file's column called ``patient`` or ``group`` is
            looked for, and taken for the groups of the images.

    Raises:
        ValueError: If the images are no files, or have several labels.
    """
    part = Part(name, [], [], groups=[], places=[])
    columns: list[str] = []
    classes: tuple[str, ...] = ()
    for dataset in datasets:
        classes = classes or tuple(dataset.metainfo.get("classes") or ())
        own = tuple(dataset.metainfo.get("classes") or ())
        source_of = getattr(dataset, "source_of", None)
        group_of, column = _found_groups(dataset) if find_groups else ({}, None)
        columns += [column] if column else []
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
            part.groups.append(group_of.get(info["img_path"], ""))
    if not columns:
        return replace(part, classes=classes, groups=None)
    return replace(part, classes=classes, group_column=columns[0])


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
