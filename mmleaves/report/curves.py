"""What the runs' folders hold of how training went."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.gathered import GatheredRun

FILE = "metrics.csv"
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


def read_curves(runs: Sequence[GatheredRun]) -> dict[str, list[Curve]]:
    """Return the curves by what was measured, such as ``train/loss``.

    A run's ``metrics.csv`` is looked for in its folder and in the folders in that.
    Where there are more than 120 epochs, some are left out evenly.

    Args:
        runs: The runs of an experiment; those without such a file have no curves.
    """
    found: dict[str, list[Curve]] = {}
    for run in runs:
        path = find_in_run(run.folder, FILE)
        if path is None:
            continue
        for name, points in _columns(path).items():
            points = points[:: 1 + (len(points) - 1) // MOST_POINTS]
            epochs, values = zip(*points, strict=True)
            found.setdefault(name, []).append(Curve(run.recipe, epochs, values))
    return found


def find_in_run(folder: Path, pattern: str) -> Path | None:
    """Return the first file of a run that fits, in its folder or one level below."""
    for where in (pattern, f"*/{pattern}"):
        for path in sorted(folder.glob(where)):
            return path
    return None


def _columns(path: Path) -> Mapping[str, list[tuple[float, float]]]:
    """Return epoch and value of each row, by column."""
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                epoch = float(row["epoch"])
                numbers = {
                    name: float(value)
                    for name, value in row.items()
                    if name not in NOT_DRAWN and value
                }
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}: found a row that is no list of numbers ({error}), "
                    "expected epoch and what was measured. Remove the file to leave "
                    "its curves out."
                ) from None
            for name, value in numbers.items():
                found.setdefault(name, []).append((epoch, value))
    return found
