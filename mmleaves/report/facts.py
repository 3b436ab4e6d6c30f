"""What was planned, done and used, as far as the files tell."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mmleaves import __version__
from mmleaves.audit.group_spelling import one_spelling
from mmleaves.evidence.gathered import GatheredRun
from mmleaves.evidence.plan import Plan
from mmleaves.experiments.image_table import FILE, read_images
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
        kept_together: Which images the folds keep together, each in words that follow
            "images"; empty for none.
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
    kept_together: tuple[str, ...]


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
        kept_together=_kept_together(gathered.plan, runs),
    )


def _kept_together(plan: Plan | None, runs: Sequence[GatheredRun]) -> tuple[str, ...]:
    if plan is None:
        return ()
    found = []
    if plan.group_column is not None:
        found.append(f"of the same {plan.group_column}")
    elif plan.group_pattern is not None:
        found.append(f"of the same group by their names (pattern {plan.group_pattern})")
    if _has_near_copies(runs):
        found.append("that show nearly the same picture")
    return tuple(found)


def _has_near_copies(runs: Sequence[GatheredRun]) -> bool:
    """Return whether the plan ties images together that are no copies and no group.

    What `mmleaves repeat` ties stands in the experiment's ``images.csv``; experiments
    from elsewhere have none.
    """
    if not runs or not (runs[0].folder.parents[1] / FILE).is_file():
        return False
    try:
        images = read_images(runs[0].folder.parents[1])
    except (csv.Error, KeyError, TypeError, ValueError):
        # Of another program; nothing else on the page needs it.
        return False
    # Each image is joined to its content and its group, and through them to others.
    nodes: dict[tuple[str, str], int] = {}
    groups = one_spelling(one.group for one in images)
    joined = [
        (i, len(images) + nodes.setdefault((what, name), len(nodes)))
        for i, one in enumerate(images)
        for what, name in (("hash", one.hash), ("group", groups[one.group]))
        if name
    ]
    size = len(images) + len(nodes)
    ends = np.array(joined, int).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1]), ends), shape=(size, size))
    count, _ = connected_components(graph, directed=False)
    return len({one.together for one in images}) < count


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
