"""What an experiment has found so far, in a few lines."""

import csv
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.outcomes import most_probable
from mmleaves.evidence.plan import Plan
from mmleaves.evidence.run_files import SCORED_BY_EPOCH, read_record, read_run
from mmleaves.experiments.runs import Run


def say_plan(plan: Plan, experiment: Path) -> str:
    """Return what is planned."""
    count, configs = len(plan.repeats), len(plan.configs)
    split = f"{plan.folds} folds x " if plan.kind == "cv" else "hold-out, "
    return (
        f"{experiment}: {configs} config{'s' * (configs > 1)}, {split}{count} "
        f"repeat{'s' * (count > 1)} = {configs * plan.folds * count} runs; each repeat "
        f"scores {plan.images} images, by the {plan.epoch_rule} epoch."
    )


def say_outcome(plan: Plan, experiment: Path, runs: Sequence[Run]) -> list[str]:
    """Return what was found: scores, and of several configs the verdicts."""
    lines = [*_say_scores(plan, runs), *_say_choice_gains(plan, runs)]
    if len(plan.configs) > 1:
        command = f"mmleaves compare {shlex.quote(str(experiment))}"
        lines += ["", *_say_verdicts(experiment), "", f"All figures: {command}"]
    return lines


def _say_scores(plan: Plan, runs: Sequence[Run]) -> list[str]:
    """Return a line for each config: how many images it has right, and what it cost."""
    lines = []
    for config in plan.configs:
        done = [run for run in runs if run.config == config and run.is_complete]
        if not done:
            continue
        right: dict[int, list[int]] = {}
        minutes = 0.0
        for run in done:
            record = read_record(run.folder)
            said = read_run(run.folder, record)
            labels = most_probable(said.probs, said.classes)
            rows = zip(labels, said.truth, strict=True)
            counts = [said.classes[label] == truth for label, truth in rows]
            right.setdefault(run.repeat, []).extend(counts)
            minutes += record.minutes
        shares = [100 * sum(counts) / len(counts) for counts in right.values()]
        spread = f" ({min(shares):.1f} to {max(shares):.1f})" if len(shares) > 1 else ""
        lines.append(
            f"{config}: accuracy {sum(shares) / len(shares):.1f} %, mean of "
            f"{len(shares)} repeat{'s' * (len(shares) > 1)}{spread}; "
            f"{len(done)} runs, {minutes:.1f} min"
        )
    return lines


@dataclass(frozen=True)
class ChoiceGain:
    """What choosing the epoch on the scored images would have added.

    Args:
        runs: How many runs recorded the score of each epoch.
        points: Accuracy of the best epoch less that of the scored one, the mean over
            these runs, in points.
        best_epochs: The first best epoch of each run.
    """

    runs: int
    points: float
    best_epochs: tuple[int, ...]


def choice_gain(runs: Sequence[Run]) -> ChoiceGain | None:
    """Return what choosing on the scored images would have added, or None if unknown.

    Args:
        runs: Complete runs of one config.
    """
    gains, epochs = [], []
    for run in runs:
        path = run.folder / SCORED_BY_EPOCH
        if not path.is_file():
            continue
        by_epoch = _accuracies(path)
        said = read_run(run.folder, read_record(run.folder))
        labels = [
            said.classes[label] for label in most_probable(said.probs, said.classes)
        ]
        right = sum(a == b for a, b in zip(labels, said.truth, strict=True))
        best = max(by_epoch, key=lambda epoch: (by_epoch[epoch], -epoch))
        gains.append(by_epoch[best] - 100 * right / len(labels))
        epochs.append(best)
    if not gains:
        return None
    return ChoiceGain(len(gains), sum(gains) / len(gains), tuple(epochs))


def _say_choice_gains(plan: Plan, runs: Sequence[Run]) -> list[str]:
    """Return a line for each config that recorded the score of every epoch."""
    lines = []
    for config in plan.configs:
        done = [run for run in runs if run.config == config and run.is_complete]
        gain = choice_gain(done)
        if gain is None:
            continue
        low, high = min(gain.best_epochs), max(gain.best_epochs)
        where = f"epoch {low}" if low == high else f"epochs {low} to {high}"
        lines.append(
            f"{config}: choosing the epoch on the scored images would have added "
            f"{gain.points:+.1f} points of accuracy ({where}; {gain.runs} runs)."
        )
    return lines


def _accuracies(path: Path) -> dict[int, float]:
    with path.open(newline="") as file:
        return {
            int(row["epoch"]): float(row["accuracy"]) for row in csv.DictReader(file)
        }


def _say_verdicts(experiment: Path) -> list[str]:
    """Return what `mmleaves compare` says of each pair, or why it cannot."""
    from mmleaves.evidence.gather import gather

    try:
        report = gather([str(experiment)]).compare()
    except ValueError as error:
        return [f"No verdict: {error}"]
    return [one.sentence for one in report.comparisons]
