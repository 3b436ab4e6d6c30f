"""What the runs' folders hold of how training went."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.epochs import (
    ChoiceGain,
    choice_gain,
    find_in_run,
    read_epochs,
)
from mmleaves.evidence.gathered import GatheredRun
from mmleaves.evidence.run_files import SCORED_BY_EPOCH

METRICS = "metrics.csv"
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
            for name, points in read_epochs(path).items() if path else ():
                points = points[:: 1 + (len(points) - 1) // MOST_POINTS]
                curve = Curve(run.recipe, *zip(*points, strict=True))
                found.setdefault(f"{prefix}{name}", []).append(curve)
    return found


def choice_gains(runs: Sequence[GatheredRun]) -> dict[str, ChoiceGain]:
    """Return what choosing the epoch on the scored images would have added, by recipe.

    Recipes whose runs have no score of every epoch are left out.
    """
    folders: dict[str, list[Path]] = {}
    for run in runs:
        folders.setdefault(run.recipe, []).append(run.folder)
    gains = {recipe: choice_gain(found) for recipe, found in folders.items()}
    return {recipe: gain for recipe, gain in gains.items() if gain is not None}
