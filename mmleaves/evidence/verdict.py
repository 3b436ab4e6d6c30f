"""The verdict in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmleaves.evidence.advice import what_next
from mmleaves.evidence.design import Design
from mmleaves.evidence.measured import Measured
from mmleaves.evidence.score_sums import SCORES

ALPHA = 0.05
# Fewer images, or more looks, and a look at every repeat names too many false winners.
IMAGES_TO_LOOK, LAST_FREE_LOOK = 200, 8

SAME = (
    "They have the same images right and wrong in every run: check that these are not "
    "one and the same predictions."
)


@dataclass(frozen=True)
class Verdict:
    """What follows from a comparison.

    Args:
        kind: ``"better"``, ``"equivalent"``, ``"undecided"``, or ``"too early"``.
        winner: Name of the better one, or None.
        sentence: The same in plain words.
        p_holm: p value of no difference, adjusted for the number of comparisons by
            Holm's method, and times the number of looks.
        p_equivalence_holm: p value of a difference beyond the margin, adjusted as
            well, or None for a single repeat.
    """

    kind: str
    winner: str | None
    sentence: str
    p_holm: float
    p_equivalence_holm: float | None


def decide(
    measured: Measured,
    design: Design,
    *,
    margin: float,
    p_holm: float,
    p_equivalence_holm: float | None,
    pairs: int,
    looks: int = 1,
    planned_repeats: int | None = None,
    minutes_per_run: float | None = None,
) -> Verdict:
    """Return the verdict of one of ``pairs`` comparisons.

    Args:
        measured: Its figures.
        design: Which images and runs they are from.
        margin: What is too small to matter, in points.
        p_holm: p value of no difference, adjusted.
        p_equivalence_holm: p value of a difference beyond the margin, adjusted.
        pairs: How many comparisons are made at once.
        looks: How many looks the p values are adjusted for, see `counted_looks`.
        planned_repeats: How many repeats were planned, or None.
        minutes_per_run: What a run took, or None.
    """
    kind, winner = "undecided", None
    ahead, behind = measured.a, measured.b
    if measured.points < 0:
        ahead, behind = behind, ahead
    equals = "" if p_holm < 0.001 else "= "
    several = [f"of {pairs} comparisons"] if pairs > 1 else []
    several += [f"after {looks} looks"] if looks > 1 else []
    name = "Holm p" if pairs > 1 else "p"
    adjusted = f"({name} {equals}{p_text(p_holm)} {', '.join(several)})"
    if is_too_early(design, planned_repeats):
        kind = "too early"
        sentence = _too_early(measured, design, planned_repeats)
    elif p_equivalence_holm is not None and p_equivalence_holm <= ALPHA:
        kind = "equivalent"
        sentence = (
            f"No difference that matters between {measured.a} and {measured.b}: "
            f"{_gap(measured, level=90)}, inside ±{margin:g}."
        )
        if p_holm <= ALPHA:
            sentence += f" {ahead} is better, by less than your margin."
        if measured.se == 0:
            sentence += f" {SAME}"
    elif p_holm <= ALPHA:
        kind, winner = "better", ahead
        sentence = (
            f"{ahead} is better than {behind}: {_gap(measured)}, {design}"
            f"{f' {adjusted}' if several else ''}."
        )
        if min(abs(measured.low), abs(measured.high)) < margin:
            sentence += f" The gain may be below your margin of {margin:g} points."
    else:
        sentence = _undecided(measured, ahead, behind)
        sentence += f" {what_next(measured, design, margin, minutes_per_run)}"
        sentence = sentence.rstrip()
        if measured.p <= ALPHA:
            why = "as one of several" if pairs > 1 else f"after {looks} looks"
            sentence += (
                f" The interval alone leaves out 0, but {why} it does not decide "
                f"{adjusted}."
            )
    return Verdict(kind, winner, sentence, p_holm, p_equivalence_holm)


def is_too_early(design: Design, planned_repeats: int | None) -> bool:
    """Return whether a look before the planned end would name too many winners."""
    if planned_repeats is None or design.repeats >= planned_repeats:
        return False
    few = design.images < IMAGES_TO_LOOK
    return few or design.repeats > LAST_FREE_LOOK


def counted_looks(
    design: Design,
    earlier: Sequence[int],
    *,
    repeats: int | None = None,
    planned: int | None = None,
) -> int:
    """Return by how many looks p values are to be multiplied (Bonferroni).

    Each end that was planned is a look, and more repeats after it are another. The
    looks up to the 8th repeat count as one where there are images enough: the
    widened error pays for them.

    Args:
        design: Which images and runs there are.
        earlier: How many repeats were planned before each extension of the plan.
        repeats: Look after so many; those that there are without it.
        planned: How many are planned: more than these extend the plan once more.
    """
    repeats = design.repeats if repeats is None else repeats
    extends = planned is not None and repeats > planned
    ends = [*earlier, *([planned] if extends else []), repeats]
    if design.images < IMAGES_TO_LOOK:
        return len(ends)
    late = sum(end > LAST_FREE_LOOK for end in ends)
    return late + (late < len(ends))


def notes(
    design: Design, planned_repeats: int | None, earlier: Sequence[int] = ()
) -> list[str]:
    """Return what limits any verdict from such a design, in plain words."""
    found = []
    if design.is_holdout and design.repeats == 1:
        found.append(
            "One run of each on one hold-out: this compares two trained models. Other "
            "seeds can turn it round."
        )
    elif design.repeats == 1:
        found.append(
            "One repeat: how much the seed decides is not known, and equality cannot "
            "be shown. Run 2 more, each with a new split and seed."
        )
    if design.is_holdout and design.repeats > 1:
        found.append(
            "One hold-out: it holds for models trained on this training set. Only "
            "cross-validation tries others."
        )
    if design.images < IMAGES_TO_LOOK and not design.is_holdout:
        found.append(
            f"Fewer than {IMAGES_TO_LOOK} images: choose the number of repeats "
            "beforehand and look once. Looking after every repeat names a false "
            "winner in up to 11 % of cases (simulated, 100 images)."
        )
    if (looks := counted_looks(design, earlier)) > 1:
        found.append(
            f"The plan had {', then '.join(map(str, earlier))} repeats before it was "
            f"extended: p values are multiplied by {looks}, as for so many looks; "
            "intervals are not adjusted."
        )
    if planned_repeats is not None and design.repeats < planned_repeats:
        found.append(
            f"{design.repeats} of {planned_repeats} planned repeats are complete."
        )
    return found


def p_text(p: float) -> str:
    """Return a p value as a table shows it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _gap(measured: Measured, *, level: int = 95) -> str:
    """Return the difference and its interval, seen from the one that is ahead."""
    low, high = measured.low, measured.high
    if level == 90:
        low, high = measured.low_90, measured.high_90
    points = measured.points
    if points < 0:
        points, low, high = -points, -high, -low
    return (
        f"{_signed(points)} points of {SCORES[measured.metric]} ({level} % CI "
        f"{_signed(low)} to {_signed(high)})"
    )


def _signed(points: float) -> str:
    # Not "-0.0".
    return f"{round(points, 1) + 0.0:+.1f}"


def _too_early(measured: Measured, design: Design, planned: int) -> str:
    few = design.images < IMAGES_TO_LOOK
    why = f"with {design.images} images" if few else f"after {LAST_FREE_LOOK} repeats"
    return (
        f"No verdict yet on {measured.a} and {measured.b}: {design.repeats} of "
        f"{planned} planned repeats are complete, and {why} looking before the end "
        "names too many false winners. Complete the plan."
    )


def _undecided(measured: Measured, ahead: str, behind: str) -> str:
    if measured.points == 0 and measured.p == 1:
        text = f"Undecided: {ahead} and {behind} score the same, {_gap(measured)}."
        if measured.churn == 0 or measured.se == 0:
            text += f" {SAME}"
    else:
        text = f"Undecided: {ahead} is ahead of {behind} by {_gap(measured)[1:]}."
    return text
