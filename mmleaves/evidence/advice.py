"""What to do about a comparison that is undecided."""

from mmleaves.evidence.design import Design
from mmleaves.evidence.forecast import REPEATS_TO_KNOW
from mmleaves.evidence.measured import Measured


def what_next(
    measured: Measured, design: Design, margin: float, minutes: float | None
) -> str:
    """Return what would decide an undecided comparison, in plain words, or nothing.

    Args:
        measured: Its figures.
        design: Which images and runs they are from.
        margin: What is too small to matter, in points.
        minutes: What a run took, or None.
    """
    ahead = measured.forecast
    if design.repeats == 1:
        return "One repeat cannot tell what it would take: run 2 more."
    if ahead is None:
        return (
            ""
            if measured.metric == "accuracy"
            else "What it would take is forecast by accuracy only."
        )
    # A gap below the margin is not worth the images that it takes to see it.
    gap = max(abs(measured.points), margin)
    more = f"label about {_round_up(ahead.images)} more images"
    if ahead.images_limit:
        test = "test images" if design.is_holdout else "images"
        least = 100 * ahead.smallest_gap
        text = (
            f"More seeds will not settle this: with {design.images} {test} only gaps "
            f"above about {least:.{0 if least >= 10 else 1}f} points can be seen. "
        )
        if design.is_holdout and design.train_images:
            every = design.images + design.train_images
            return f"{text}Cross-validate on all {every} images, or {more}."
        return f"{text}To see one of {gap:.1f} points, {more}."
    if ahead.repeats is None:
        if design.repeats < REPEATS_TO_KNOW:
            return "Run at least one more: two cannot tell how many it takes."
        return (
            "If the gap is as small as it looks, more repeats will not settle it; if "
            f"it is larger, some will. Run a few more, or {more}."
        )
    count = ahead.repeats * design.runs_per_repeat
    cost = f"{count} runs of each" if count > ahead.repeats else "of each"
    if minutes:
        cost += f", about {_duration(2 * count * minutes)} at your speed"
    name = "run" if design.is_holdout else "repeat"
    name += "" if ahead.repeats == 1 else "s"
    text = (
        f"About {ahead.repeats} more {name} ({cost}) would settle a gap of this size."
    )
    if design.repeats < REPEATS_TO_KNOW:
        text += " From two repeats this is a rough guess."
    return text


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _round_up(count: int) -> str:
    """Return a count with two digits that tell, as it is no better known than that."""
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // step) * step:,}"
