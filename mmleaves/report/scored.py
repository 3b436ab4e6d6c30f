"""What a page is about: recipes, their outcomes, and the verdicts on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mmleaves.evidence.class_numbers import positive_class
from mmleaves.evidence.compare import Comparison, check_margin
from mmleaves.evidence.design import Design
from mmleaves.evidence.gathered import DEFAULT_MARGIN, Gathered
from mmleaves.evidence.outcome_notes import outcome_notes
from mmleaves.evidence.outcomes import Outcomes, outcomes
from mmleaves.evidence.recipe_scores import RecipeScores, recipe_scores
from mmleaves.evidence.score_sums import check_available
from mmleaves.evidence.verdict import notes


@dataclass(frozen=True, eq=False)
class Scored:
    """Recipes with all that `mmleaves compare` says of them.

    Args:
        gathered: What was read.
        design: Which image was scored by which run.
        said: Outcomes of each recipe by its name; the baseline first.
        positive: Number of the class that is to be found, of two; else 1.
        metric: The score that decides.
        margin: What is too small to matter, in points.
        recipes: Scores of each recipe.
        comparisons: The verdicts; none for a single recipe.
        notes: What limits them, in plain words.
    """

    gathered: Gathered
    design: Design
    said: Mapping[str, Outcomes]
    positive: int
    metric: str
    margin: float
    recipes: tuple[RecipeScores, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    @property
    def has_probs(self) -> bool:
        """Whether the probabilities of every recipe are known."""
        return all(one.probs is not None for one in self.said.values())


def score(
    gathered: Gathered,
    *,
    metric: str = "accuracy",
    margin: float | None = None,
    positive: str | None = None,
    all_pairs: bool = False,
) -> Scored:
    """Return the verdicts on two recipes or more, or the scores of a single one.

    Args:
        gathered: What was read.
        metric: The score that decides, as of `SCORES`.
        margin: What is too small to matter, in points; the plan's without it.
        positive: Of two classes the one that is to be found; the plan's without it.
        all_pairs: Compare every recipe with every other, not with the first alone.

    Raises:
        ValueError: If nothing can be said from them; says what to do.
    """
    design = Design(
        gathered.labels,
        gathered.classes,
        _repeats(gathered),
        gathered.folds,
        gathered.train_images,
    )
    said = {
        name: outcomes(values, design, name, predicted=gathered.predicted.get(name))
        for name, values in gathered.recipes.items()
    }
    margin = next(
        one for one in (margin, gathered.margin, DEFAULT_MARGIN) if one is not None
    )
    check_margin(margin)
    for one in said.values():
        check_available(metric, one, design)
    given = positive if positive is not None else gathered.positive
    index = positive_class(given, gathered.classes)
    if len(said) > 1:
        report = gathered.compare(
            metric=metric, margin=margin, positive=positive, all_pairs=all_pairs
        )
        recipes, comparisons = report.recipes, report.comparisons
        limits = report.notes
    else:
        recipes = tuple(
            recipe_scores(name, one, design, index) for name, one in said.items()
        )
        comparisons = ()
        limits = (
            *notes(design, gathered.planned_repeats, gathered.earlier_repeats),
            *outcome_notes(said, design, gathered.predicted),
            *gathered.notes,
        )
    return Scored(
        gathered, design, said, index, metric, margin, recipes, comparisons, limits
    )


def _repeats(gathered: Gathered) -> int:
    first = next(iter(gathered.recipes.values()))
    return 1 if first.ndim == 1 + (first.dtype.kind == "f") else len(first)
