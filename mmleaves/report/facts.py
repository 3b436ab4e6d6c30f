"""What was planned, done and used, as far as the files tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mmleaves import __version__
from mmleaves.report.scored import Scored


@dataclass(frozen=True)
class Facts:
    """What the methods paragraph and the tables of plan and data rest on.

    Args:
        version: Version of mmleaves that wrote the page.
        total_runs: Runs of all recipes that are compared.
        class_images: Scored images of each class.
        test_images: Fewest and most images that a run scored.
        train_images: Fewest and most images that a run was trained on, or None.
        selected_images: Fewest and most images that chose an epoch, or None.
        new_splits: Whether no two repeats have the same folds.
        own_seeds: Whether no two runs of a recipe have the same seed; None if unknown.
        same_seeds: Whether all recipes have the same seeds; None if unknown.
        planned_margin: Whether the margin is the plan's.
        minutes: What all runs took together, or None.
        versions: Versions of each package, as the runs recorded them.
        configs: sha256 of each recipe's config; empty for tables.
        experiments: How many experiments the runs are of; 0 for tables.
    """

    version: str
    total_runs: int
    class_images: Mapping[str, int]
    test_images: tuple[int, int]
    train_images: tuple[int, int] | None
    selected_images: tuple[int, int] | None
    new_splits: bool
    own_seeds: bool | None
    same_seeds: bool | None
    planned_margin: bool
    minutes: float | None
    versions: Mapping[str, tuple[str, ...]]
    configs: Mapping[str, str]
    experiments: int


def facts(scored: Scored) -> Facts:
    """Return what the files of the runs tell."""
    gathered, design = scored.gathered, scored.design
    runs = gathered.runs
    seeds: dict[str, dict[tuple[int, int], int]] = {}
    versions: dict[str, set[str]] = {}
    for run in runs:
        place = run.record.repeat, run.record.fold
        seeds.setdefault(run.recipe, {})[place] = run.record.seed
        for package, version in run.record.versions.items():
            versions.setdefault(package, set()).add(str(version))
    counts = np.bincount(design.labels, minlength=len(design.classes))
    scored_images = np.bincount(design.runs.ravel())
    return Facts(
        version=__version__,
        total_runs=design.run_count * len(scored.said),
        class_images=dict(zip(design.classes, counts.tolist(), strict=True)),
        test_images=(int(scored_images.min()), int(scored_images.max())),
        train_images=_ends([run.trained for run in runs]),
        selected_images=_ends([run.selected for run in runs if run.selected]),
        new_splits=_new_splits(scored),
        own_seeds=_all(len(set(one.values())) == len(one) for one in seeds.values()),
        same_seeds=_all(one == next(iter(seeds.values())) for one in seeds.values()),
        planned_margin=gathered.margin == scored.margin,
        minutes=sum(run.record.minutes for run in runs) if runs else None,
        versions={name: tuple(sorted(found)) for name, found in versions.items()},
        configs={run.recipe: run.record.config_sha256 for run in runs},
        experiments=len({run.folder.parents[1] for run in runs}),
    )


def _ends(values: list[int]) -> tuple[int, int] | None:
    return (min(values), max(values)) if values else None


def _all(found: Iterable[bool]) -> bool | None:
    known = list(found)
    return all(known) if known else None


def _new_splits(scored: Scored) -> bool:
    """Return whether no two repeats part the images alike, in any order."""
    folds = scored.design.folds
    if folds is None:
        return False
    parts = set()
    for row in folds:
        _, first = np.unique(row, return_index=True)
        # A fold is known by its first image.
        parts.add(tuple(first[row].tolist()))
    return len(parts) == len(folds)
