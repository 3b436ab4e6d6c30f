"""Whether one recipe is better than another, from the predictions of any framework."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmleaves.evidence.class_numbers import (
    as_numbers,
    check_numbered_alike,
    label_numbers,
    positive_class,
)
from mmleaves.evidence.comparison import measure
from mmleaves.evidence.design import Design
from mmleaves.evidence.measured import Measured
from mmleaves.evidence.outcome_notes import outcome_notes
from mmleaves.evidence.outcomes import (
    Outcomes,
    check_axes,
    check_not_copied,
    outcomes,
)
from mmleaves.evidence.paired_tests import holm
from mmleaves.evidence.recipe_scores import RecipeScores, recipe_scores
from mmleaves.evidence.score_sums import SCORES, available
from mmleaves.evidence.verdict import Verdict, counted_looks, decide, notes


@dataclass(frozen=True)
class Comparison:
    """A verdict with the figures it rests on."""

    verdict: Verdict
    measured: Measured

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        return self.verdict.sentence


@dataclass(frozen=True)
class Report:
    """Everything that `compare_all` found.

    Args:
        images: Number of scored images.
        repeats: Number of repeats, or of seeds on a hold-out.
        runs: Number of runs of each recipe.
        is_holdout: Whether every run scored the same held-out images.
        metric: The score that decides.
        margin: What is too small to matter, in points.
        positive: The class that is to be found, of two; None for more classes.
        recipes: Scores of each recipe, in the order given.
        comparisons: A verdict a pair; the first recipe is the baseline.
        notes: What limits the verdicts, in plain words.
    """

    images: int
    repeats: int
    runs: int
    is_holdout: bool
    metric: str
    margin: float
    positive: str | None
    recipes: tuple[RecipeScores, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict:
        """Return it as what JSON can hold."""
        return dataclasses.asdict(self)


def compare(
    labels: Sequence | np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    *,
    names: tuple[str, str] = ("A", "B"),
    folds: np.ndarray | None = None,
    train_images: int | None = None,
    metric: str = "accuracy",
    margin: float = 1.0,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    planned_repeats: int | None = None,
    earlier_repeats: Sequence[int] = (),
) -> Comparison:
    """Return whether A is better than B, from plain arrays.

    Args:
        labels: True class of each image, (n,): integers from 0, or names.
        a: What A said: probabilities, (R, n, C), floats; predicted classes, (R, n), as
            the labels are; or whether it was right, (R, n), bool. For a single repeat
            the first axis can be left out.
        b: The same of B, for the same images in the same order.
        names: What to call A and B.
        folds: For each repeat the fold that each image was scored in, (R, n), from 0;
            or None for runs that all scored the same held-out images.
        train_images: How many images each run was trained on; needed for several runs
            on a hold-out, else all images outside the fold.
        metric: The score that decides, as of `SCORES`.
        margin: What is too small to matter, in points; fix it before the runs.
        classes: Class names in the order of the probabilities. Without them, labels
            that are names are sorted.
        positive: Of two classes, the one that is to be found; the second without it.
        planned_repeats: How many repeats were planned, if more than there are.
        earlier_repeats: How many were planned at first, and before each extension, if
            it was extended: every planned end is a look.

    Returns:
        The verdict with its figures, A less B.

    Raises:
        ValueError: If nothing can be said from them; says what to do.
    """
    report = compare_all(
        labels,
        dict(zip(names, (a, b), strict=True)),
        folds=folds,
        train_images=train_images,
        metric=metric,
        margin=margin,
        classes=classes,
        positive=positive,
        planned_repeats=planned_repeats,
        earlier_repeats=earlier_repeats,
    )
    return report.comparisons[0]


def compare_all(
    labels: Sequence | np.ndarray,
    recipes: Mapping[str, np.ndarray],
    *,
    predicted: Mapping[str, np.ndarray] | None = None,
    folds: np.ndarray | None = None,
    train_images: int | None = None,
    metric: str = "accuracy",
    margin: float = 1.0,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    all_pairs: bool = False,
    planned_repeats: int | None = None,
    earlier_repeats: Sequence[int] = (),
    minutes_per_run: float | None = None,
) -> Report:
    """Return a verdict on each recipe against the first, adjusted by Holm's method.

    Args:
        labels: As of `compare`.
        recipes: What each recipe said, as ``a`` of `compare`, by its name.
        predicted: Predicted classes beside probabilities, (R, n), integers, by the
            recipe's name. Without them, of classes that are equally probable the first
            by name counts.
        folds: As of `compare`.
        train_images: As of `compare`.
        metric: As of `compare`.
        margin: As of `compare`.
        classes: As of `compare`.
        positive: As of `compare`.
        all_pairs: Compare every recipe with every other, not with the first alone.
        planned_repeats: As of `compare`.
        earlier_repeats: As of `compare`.
        minutes_per_run: What a run took, to say how long more would take.

    Raises:
        ValueError: If nothing can be said from them; says what to do.
    """
    check_margin(margin)
    if len(recipes) < 2:
        raise ValueError(
            f"found {len(recipes)} recipe to compare ({', '.join(recipes)}), expected "
            "two or more with names of their own."
        )
    if planned_repeats is not None and not 1 <= planned_repeats < np.inf:
        raise ValueError(
            f"planned_repeats is {planned_repeats}, expected 1 or more: the number of "
            "repeats that were planned."
        )
    folds = None if folds is None else np.atleast_2d(folds)
    if np.ndim(labels) == 1:
        for name, values in recipes.items():
            check_axes(np.asarray(values), len(labels), folds, name)
    names, numbers = label_numbers(labels, classes, recipes)
    first = np.asarray(next(iter(recipes.values())))
    flat = 1 + (first.dtype.kind == "f")
    repeats = 1 if first.ndim == flat else len(first)
    design = Design(numbers, names, repeats, folds, train_images)
    named = predicted or {}
    said = {
        name: outcomes(
            as_numbers(values, names, name), design, name, predicted=named.get(name)
        )
        for name, values in recipes.items()
    }
    for name, one in said.items():
        if classes is None and one.probs is None and one.predicted is not None:
            check_numbered_alike(names, numbers, one.predicted, name)
    index = positive_class(positive, names)
    pairs = list(itertools.combinations(said.items(), 2))
    pairs = pairs if all_pairs else pairs[: len(said) - 1]
    for (_, one), (_, other) in pairs:
        check_not_copied(one, other, design)
    figures = [
        measure(
            one,
            other,
            design,
            metric=metric,
            margin=margin,
            positive=index,
            comparisons=len(pairs),
            looks=lambda repeats: counted_looks(
                design, earlier_repeats, repeats=repeats, planned=planned_repeats
            ),
        )
        for one, other in pairs
    ]
    looks = counted_looks(design, earlier_repeats)
    adjusted = np.minimum(1, looks * holm(np.array([found.p for found in figures])))
    equal = [found.p_equivalence for found in figures]
    if design.repeats > 1:
        equal = np.minimum(1, looks * holm(np.array(equal)))
    verdicts = [
        decide(
            found,
            design,
            margin=margin,
            p_holm=float(p),
            p_equivalence_holm=None if q is None else float(q),
            pairs=len(pairs),
            looks=looks,
            planned_repeats=planned_repeats,
            minutes_per_run=minutes_per_run,
        )
        for found, p, q in zip(figures, adjusted, equal, strict=True)
    ]
    return Report(
        images=design.images,
        repeats=design.repeats,
        runs=design.run_count,
        is_holdout=design.is_holdout,
        metric=metric,
        margin=margin,
        positive=names[index] if len(names) == 2 else None,
        recipes=tuple(
            recipe_scores(name, one, design, index) for name, one in said.items()
        ),
        comparisons=tuple(map(Comparison, verdicts, figures)),
        notes=(
            *notes(design, planned_repeats, earlier_repeats),
            *outcome_notes(said, design, named),
            *_not_compared(figures, said, design),
        ),
    )


def check_margin(margin: float) -> None:
    """Refuse points that are none.

    Raises:
        ValueError: If they are not above 0 and below 100.
    """
    if not 0 < margin < 100:
        raise ValueError(f"margin is {margin}, expected points above 0 and below 100.")


def _not_compared(
    figures: Sequence[Measured], said: Mapping[str, Outcomes], design: Design
) -> list[str]:
    """Return which scores were left out for want of images, in plain words."""
    wanted = [available(one, design) for one in said.values()]
    missing = [
        SCORES[name]
        for name in SCORES
        if all(name in names for names in wanted)
        and any(name not in (f.metric, *(o.metric for o in f.others)) for f in figures)
    ]
    if not missing:
        return []
    return [f"A class has too few images to compare {', '.join(missing)}."]
