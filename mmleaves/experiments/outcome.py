"""What an experiment has found so far, in a few lines."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mmleaves.evidence.epochs import choice_gain
from mmleaves.evidence.outcomes import most_probable
from mmleaves.evidence.plan import Plan
from mmleaves.evidence.run_files import read_record
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
    lines = [*_say_scores(plan, experiment, runs), *_say_choice_gains(plan, runs)]
    if len(plan.configs) > 1:
        command = f"mmleaves compare {shlex.quote(str(experiment))}"
        lines += ["", *_say_verdicts(experiment), "", f"All figures: {command}"]
    return lines


def _say_scores(plan: Plan, experiment: Path, runs: Sequence[Run]) -> list[str]:
    """Return a line for each config: how many images it has right, and what it cost."""
    lines = []
    for config in plan.configs:
        done = [run for run in runs if run.config == config and run.is_complete]
        if done:
            minutes = sum(read_record(run.folder).minutes for run in done)
            cost = f"{len(done)} run{'s' * (len(done) > 1)}, {minutes:.1f} min"
            lines.append(f"{config}: {_say_accuracy(experiment / config)}; {cost}")
    return lines


def _say_accuracy(folder: Path) -> str:
    """Return the accuracy of a config as `compare` counts it.

    That is of complete repeats, in which every image is scored, and of copies once.
    """
    from mmleaves.evidence.gather import gather

    try:
        found = gather([str(folder)])
    except ValueError as error:
        return f"no accuracy ({str(error).rstrip('.')})"
    (probs,) = found.recipes.values()
    right = most_probable(probs, found.classes) == found.labels
    shares = 100 * right.mean(axis=1)
    count = len(shares)
    spread = f" ({shares.min():.1f} to {shares.max():.1f})" if count > 1 else ""
    repeats = f"{count} repeat{'s' * (count > 1)}"
    return f"accuracy {shares.mean():.1f} %, mean of {repeats}{spread}"


def _say_choice_gains(plan: Plan, runs: Sequence[Run]) -> list[str]:
    """Return a line for each config that recorded the score of every epoch."""
    lines = []
    for config in plan.configs:
        done = [run for run in runs if run.config == config and run.is_complete]
        gain = choice_gain(run.folder for run in done)
        if gain is None:
            continue
        low, high = min(gain.best_epochs), max(gain.best_epochs)
        where = f"epoch {low}" if low == high else f"epochs {low} to {high}"
        lines.append(
            f"{config}: choosing the epoch on the scored images would have added "
            f"{gain.points:+.1f} points of accuracy ({where}; {gain.runs} runs)."
        )
    return lines


def _say_verdicts(experiment: Path) -> list[str]:
    """Return what `mmleaves compare` says of each pair, or why it cannot."""
    from mmleaves.evidence.gather import gather

    try:
        report = gather([str(experiment)]).compare()
    except ValueError as error:
        return [f"No verdict: {error}"]
    return [one.sentence for one in report.comparisons]
