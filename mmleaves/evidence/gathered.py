"""Predictions of several recipes, lined up so that they can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmleaves.evidence.compare import Report, compare_all
from mmleaves.evidence.plan import Plan
from mmleaves.evidence.run_files import RunRecord

DEFAULT_MARGIN = 1.0


@dataclass(frozen=True)
class GatheredRun:
    """A run of an experiment that was read.

    Args:
        recipe: What the recipe is called here.
        record: What the run was.
        folder: Where its files lie.
        trained: How many images it was trained on.
        selected: How many images chose the epoch.
    """

    recipe: str
    record: RunRecord
    folder: Path
    trained: int
    selected: int


@dataclass(frozen=True, eq=False)
class Gathered:
    """What `compare_all` needs, from wherever it was read.

    Args:
        labels: True class of each image, (n,), from 0 to C - 1.
        classes: Class names in label order, C of them.
        recipes: What each recipe said, (R, n, C) probabilities or (R, n) predicted
            classes, by its name; the baseline first.
        folds: Fold that scored each image in each repeat, (R, n), or None.
        train_images: How many images a run was trained on, or None.
        planned_repeats: How many repeats were planned, or None.
        earlier_repeats: How many were planned before each extension of the plan.
        minutes_per_run: What a run took, or None.
        margin: What the plan calls too small to matter, in points, or None.
        positive: Of two classes the one that is to be found, or None.
        notes: What a reader has to know of how these were gathered.
        images: Name or path of each image, n of them.
        hashes: Content hash of each image, n of them; empty for tables.
        plan: What an experiment planned, or None for tables.
        runs: The runs that were read; empty for tables.
        predicted: Predicted classes beside probabilities, (R, n), by the recipe's name;
            empty for experiments, where `most_probable` says them.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    recipes: Mapping[str, np.ndarray]
    folds: np.ndarray | None = None
    train_images: int | None = None
    planned_repeats: int | None = None
    earlier_repeats: tuple[int, ...] = ()
    minutes_per_run: float | None = None
    margin: float | None = None
    positive: str | None = None
    notes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    plan: Plan | None = None
    runs: tuple[GatheredRun, ...] = ()
    predicted: Mapping[str, np.ndarray] = field(default_factory=dict)

    def compare(
        self,
        *,
        metric: str = "accuracy",
        margin: float | None = None,
        positive: str | None = None,
        all_pairs: bool = False,
    ) -> Report:
        """Return the verdicts; options that are not given are the plan's.

        Raises:
            ValueError: If nothing can be said from them; says what to do.
        """
        notes = list(self.notes)
        if margin is None:
            margin = DEFAULT_MARGIN if self.margin is None else self.margin
        elif self.margin is not None and margin != self.margin:
            notes.append(
                f"The plan's margin is {self.margin:g} points; {margin:g} was chosen "
                "after the runs."
            )
        report = compare_all(
            self.labels,
            self.recipes,
            predicted=self.predicted,
            folds=self.folds,
            train_images=self.train_images,
            metric=metric,
            margin=margin,
            classes=self.classes,
            positive=positive if positive is not None else self.positive,
            all_pairs=all_pairs,
            planned_repeats=self.planned_repeats,
            earlier_repeats=self.earlier_repeats,
            minutes_per_run=self.minutes_per_run,
        )
        return replace(report, notes=(*report.notes, *notes))
