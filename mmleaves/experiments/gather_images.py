"""Read which images the configs of an experiment have."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.config import Config

from mmleaves.audit.from_datasets import (
    audited_config,
    config_megapixels,
    parts_of_config,
)
from mmleaves.audit.group_columns import judge_columns
from mmleaves.audit.group_spelling import is_gap, one_spelling
from mmleaves.audit.parts import Part
from mmleaves.audit.split_proposal import clusters
from mmleaves.config import fill_datasets
from mmleaves.datasets.class_check import check_same_classes
from mmleaves.datasets.quiet_build import build_quietly
from mmleaves.datasets.wrappers import inner_configs
from mmleaves.experiments.image_table import (
    POOL,
    TEST,
    PlannedImage,
    changes,
    data_sha256,
    file_hash,
)
from mmleaves.experiments.recipes import Recipe
from mmleaves.names_as_text import as_text


@dataclass(frozen=True)
class Data:
    """What is trained and scored on.

    Args:
        images: Every file, sorted by path.
        classes: Class names in label order.
        positive: Of two classes the one that is to be found, or None.
        max_megapixels: A file whose header announces more is not decoded.
        unused_column: A column that looks like groups and was not asked for, or None.
    """

    images: Sequence[PlannedImage]
    classes: tuple[str, ...]
    positive: str | None
    max_megapixels: float = 64
    unused_column: str | None = None

    @property
    def sha256(self) -> str:
        """What the plan knows it by, in hex."""
        return data_sha256(self.images)


def gather_images(
    recipes: Sequence[Recipe],
    *,
    with_test: bool,
    group_column: str | None = None,
    group_pattern: str | None = None,
) -> Data:
    """Read the images of configs, which must have the same.

    Args:
        recipes: The configs.
        with_test: Whether those of the test part are needed too.
        group_column: Column of the CSV files with what each image belongs to.
        group_pattern: What finds that in the images' names instead.

    Raises:
        FileNotFoundError: If data are not there.
        ValueError: If they cannot be read or have no labels, or two configs differ.
    """
    first, *others = recipes
    data = _read(first.cfg, with_test, group_column, group_pattern)
    for other in others:
        theirs = _read(other.cfg, with_test, group_column, group_pattern)
        if theirs.classes != data.classes:
            check_same_classes(data.classes, theirs.classes, other_name=other.name)
        if theirs.sha256 != data.sha256:
            raise ValueError(
                f"{other.name}: found other images than those of {first.name}: "
                f"{changes(data.images, theirs.images)}. Expected the same, or there "
                "is nothing to compare. Give both configs the same `dataset`."
            )
    return data


def _read(
    cfg: Config, with_test: bool, group_column: str | None, group_pattern: str | None
) -> Data:
    cfg = copy.deepcopy(cfg)
    where = cfg.filename
    if not with_test:
        cfg.test_dataloader = None
    elif not cfg.get("test_dataloader"):
        raise ValueError(
            f"{where}: found no test_dataloader, expected one with the images to "
            "score. Add it, or deal the images out to folds: leave out --holdout and "
            "--with-test."
        )
    parts, refused = parts_of_config(cfg, group_column, group_pattern)
    if refused:
        raise ValueError(refused[0].found)
    classes = parts[0].classes
    for part in parts:
        check_same_classes(classes, part.classes, other_name=part.name)
    images = _images(parts)
    positive = _positive(cfg) if len(classes) == 2 else None
    unused = None if group_column or group_pattern else _unused_column(cfg)
    return Data(images, classes, positive, config_megapixels(cfg) or 64, unused)


def _unused_column(cfg: Config) -> str | None:
    parts, _ = judge_columns(audited_config(cfg)[0])
    return next((part.group_column for part in parts if part.group_column), None)


def refuse_gaps(images: Sequence[PlannedImage], column: str) -> None:
    """Refuse images of no group: each could be of any, and a fold divide it.

    Raises:
        ValueError: If there are some.
    """
    lacking = [one for one in images if is_gap(one.group)]
    if lacking:
        raise ValueError(
            f"--group {column}: found {len(lacking)} of {len(images)} images without a "
            f"{column}, such as {as_text(lacking[0].image)} ({lacking[0].group!r}), "
            "expected one of each. Write it in, a name of its own for what belongs to "
            "no other."
        )


def _images(parts: Sequence[Part]) -> list[PlannedImage]:
    rows: dict[str, tuple[str, str, str]] = {}
    for part in parts:
        groups = part.groups or [""] * len(part.paths)
        for path, label, group in zip(part.paths, part.labels, groups, strict=True):
            if label is None:
                raise ValueError(
                    f"{path}: found no label, expected one of every image that is "
                    "trained on or scored. Name a part whose labels are known."
                )
            # An image of two parts is scored: it cannot be trained on as well.
            rows[path] = label, group or "", TEST if part.name == "test" else POOL
    paths = sorted(rows)
    hashes = [file_hash(path) for path in paths]
    first: dict[str, int] = {}
    copies = [(first.setdefault(key, i), i) for i, key in enumerate(hashes)]
    groups = [rows[path][1] for path in paths]
    names = one_spelling(groups)
    together = clusters(len(paths), copies, [names[group] for group in groups])
    return [
        PlannedImage(path, key, label, group, number, part)
        for path, key, number, (label, group, part) in zip(
            paths, hashes, together, (rows[path] for path in paths), strict=True
        )
    ]


def _positive(cfg: Config) -> str | None:
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    inner = next(inner_configs(filled.train_dataloader.dataset))
    built = build_quietly({**inner, "lazy_init": True})
    return built.metainfo.get("positive")
