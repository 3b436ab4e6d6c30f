"""What the runs' folders hold of each epoch, and what choosing one would have added."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmleaves.evidence.run_files import SCORED_BY_EPOCH, read_record, read_run

# What a run's own training leaves lies there.
TRAINING = "training"
# Not what was measured, but when, and by what rate.
NOT_MEASURED = {"epoch", "iter", "lr"}


@dataclass(frozen=True)
class ChoiceGain:
    """What choosing the epoch on the scored images would have added.

    Args:
        runs: How many runs have the score of every epoch.
        points: Accuracy of the best epoch on the images that a run scored, less that
            of the epoch that was scored; the mean over these runs.
        best_epochs: The first best epoch of each run.
    """

    runs: int
    points: float
    best_epochs: tuple[int, ...]


def choice_gain(folders: Iterable[Path]) -> ChoiceGain | None:
    """Return what choosing on the scored images would have added, or None if unknown.

    Args:
        folders: Folders of complete runs of one recipe.

    Raises:
        ValueError: If a file holds something else; says which.
    """
    gains, epochs = [], []
    for folder in folders:
        path = find_in_run(folder, SCORED_BY_EPOCH)
        accuracies = read_epochs(path).get("accuracy") if path else None
        if not accuracies:
            continue
        epoch, best = max(accuracies, key=lambda row: (row[1], -row[0]))
        gains.append(best - _accuracy(folder))
        epochs.append(int(epoch))
    if not gains:
        return None
    return ChoiceGain(len(gains), sum(gains) / len(gains), tuple(epochs))


def find_in_run(folder: Path, pattern: str) -> Path | None:
    """Return the last file of a run's folder, or of its training, that fits."""
    for where in (folder, folder / TRAINING):
        if found := sorted(where.glob(pattern)):
            return found[-1]
    return None


def read_epochs(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return epoch and value of each row, by column.

    Raises:
        ValueError: If the file holds something else; says which.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for epoch, name, value in _numbers(csv.DictReader(file), path):
            found.setdefault(name, []).append((epoch, value))
    return found


def _accuracy(folder: Path) -> float:
    """Return the accuracy of a run, in percent, as `ScoreEveryEpochHook` counts it.

    Copies count as often as there are files, as in each epoch's score: counted once,
    as `compare` does, they would make a gain or a loss where no epoch was better.
    """
    said = read_run(folder, read_record(folder))
    labels = np.array(said.classes)[said.probs.argmax(axis=-1)]
    return 100 * float(np.mean(labels == np.array(said.truth)))


def _numbers(rows: csv.DictReader, path: Path) -> Iterator[tuple[float, str, float]]:
    try:
        for row in rows:
            for name, value in row.items():
                if name not in NOT_MEASURED and value:
                    yield float(row["epoch"]), name, float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: found a row that is no list of numbers ({error}), expected epoch "
            "and what was measured. Remove the file to leave its curves out."
        ) from None
