"""What the runs' folders hold of how training went."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmleaves.evidence.gathered import GatheredRun
from mmleaves.evidence.run_files import SCORED_BY_EPOCH
from mmleaves.report.scored import Scored

METRICS = "metrics.csv"
# What a run's own training leaves lies there.
TRAINING = "training"
# Not what was measured, but when, and by what rate.
NOT_DRAWN = {"epoch", "iter", "lr"}
MOST_POINTS = 120


@dataclass(frozen=True)
class Curve:
    """One quantity over the epochs of one run.

    Args:
        recipe: Name of the recipe.
        epochs: Where it was measured, m of them.
        values: What was measured, m of them.
    """

    recipe: str
    epochs: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class ChoiceGain:
    """What choosing the epoch on the scored images would have added.

    Args:
        recipe: Name of the recipe.
        points: Accuracy of each run's best epoch on the images it scored, less that of
            the epoch that was scored; mean over runs.
        runs: How many runs have the score of every epoch.
    """

    recipe: str
    points: float
    runs: int


def read_curves(runs: Sequence[GatheredRun]) -> dict[str, list[Curve]]:
    """Return the curves by what was measured, such as ``train/loss``.

    They are of each run's ``metrics.csv``, and of ``scored-by-epoch.csv``, the score of
    each epoch on the images that the run scored in the end. Where there are more than
    120 epochs, some are left out evenly.

    Args:
        runs: The runs of an experiment; those without such files have no curves.

    Raises:
        ValueError: If a file holds something else; says which.
    """
    found: dict[str, list[Curve]] = {}
    for run in runs:
        for file, prefix in ((METRICS, ""), (SCORED_BY_EPOCH, "scored images/")):
            path = find_in_run(run.folder, file)
            for name, points in _columns(path).items() if path else ():
                points = points[:: 1 + (len(points) - 1) // MOST_POINTS]
                curve = Curve(run.recipe, *zip(*points, strict=True))
                found.setdefault(f"{prefix}{name}", []).append(curve)
    return found


def choice_gains(scored: Scored) -> list[ChoiceGain]:
    """Return what choosing the epoch on the scored images would have added, by recipe.

    Recipes whose runs have no score of every epoch are left out.
    """
    rows = sorted({run.record.repeat for run in scored.gathered.runs})
    gains: dict[str, list[float]] = {}
    for run in scored.gathered.runs:
        path = find_in_run(run.folder, SCORED_BY_EPOCH)
        accuracy = _columns(path).get("accuracy") if path else None
        if not accuracy:
            continue
        row = rows.index(run.record.repeat)
        correct = scored.said[run.recipe].correct[row]
        if scored.design.folds is not None:
            correct = correct[scored.design.folds[row] == run.record.fold]
        best = max(value for _, value in accuracy)
        gains.setdefault(run.recipe, []).append(best - 100 * float(correct.mean()))
    return [
        ChoiceGain(recipe, float(np.mean(found)), len(found))
        for recipe, found in gains.items()
    ]


def find_in_run(folder: Path, pattern: str) -> Path | None:
    """Return the last file of a run's folder, or of its training, that fits."""
    for where in (folder, folder / TRAINING):
        if found := sorted(where.glob(pattern)):
            return found[-1]
    return None


def _columns(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return epoch and value of each row, by column."""
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for epoch, name, value in _numbers(csv.DictReader(file), path):
            found.setdefault(name, []).append((epoch, value))
    return found


def _numbers(rows: csv.DictReader, path: Path) -> Iterator[tuple[float, str, float]]:
    try:
        for row in rows:
            for name, value in row.items():
                if name not in NOT_DRAWN and value:
                    yield float(row["epoch"]), name, float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: found a row that is no list of numbers ({error}), expected epoch "
            "and what was measured. Remove the file to leave its curves out."
        ) from None
