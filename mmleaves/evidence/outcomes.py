"""What a recipe said of each image in each repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmleaves.evidence.design import Design, numbered_by_first_image

# Of rows that should sum to 1; float16 probabilities of 1000 classes stay below.
SUM_TOLERANCE = 0.02
# Rounded ones may be further off, but not so far that they say something else.
ROUNDED_TOLERANCE = 0.1
# 1 - p may fall below 0 by rounding.
BELOW_ZERO = 1e-6


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcomes of one recipe, on the images and runs of a design.

    Args:
        correct: Whether each image was right in each repeat, (R, n), bool.
        predicted: Predicted class, (R, n), or None if nobody knows it.
        probs: Probabilities, (R, n, C), or None if nobody knows them.
    """

    correct: np.ndarray
    predicted: np.ndarray | None = None
    probs: np.ndarray | None = None

    @cached_property
    def accuracy(self) -> float:
        """Mean over repeats and images, 0 to 1."""
        return float(self.correct.mean())

    def first(self, repeats: int) -> "Outcomes":
        """Return the outcomes of the first repeats alone."""
        parts = (self.correct, self.predicted, self.probs)
        return Outcomes(*(None if p is None else p[:repeats] for p in parts))


def outcomes(
    values: np.ndarray,
    design: Design,
    name: str,
    *,
    predicted: np.ndarray | None = None,
) -> Outcomes:
    """Return outcomes from what a user has of them.

    Args:
        values: Whether each image was right, (R, n), bool; or its predicted class,
            (R, n), integers; or its probabilities, (R, n, C), floats. For a single
            repeat the first axis can be left out.
        design: Which images and runs these are.
        name: What the recipe is called, for errors.
        predicted: The predicted class beside probabilities, (R, n), integers. Without
            it, it is as of `most_probable`.

    Raises:
        ValueError: If the values are none of these, or do not fit the design.
    """
    values = np.asarray(values)
    kind, wanted = values.dtype.kind, (design.repeats, design.images)
    if kind == "f":
        wanted = (*wanted, len(design.classes))
    if kind not in "biuf":
        raise ValueError(
            f"{name}: found values of the type {values.dtype}, expected bool (right or "
            "wrong), integers (predicted classes) or floats (probabilities)."
        )
    if values.ndim == len(wanted) - 1 and design.repeats == 1:
        values = values[None]
    if values.shape != wanted:
        axes = "(repeats, images, classes)" if kind == "f" else "(repeats, images)"
        raise ValueError(
            f"{name}: found an array of {values.dtype} with the shape {values.shape}, "
            f"expected {axes} = {wanted}. Both recipes need the same images in the "
            "same order: comparing others would say nothing."
        )
    if kind == "b":
        return Outcomes(values)
    if kind in "iu":
        _check_classes(values, design, name)
        return Outcomes(values == design.labels, values)
    _check_probs(values, name)
    if predicted is None:
        predicted = most_probable(values, design.classes)
    elif predicted.shape != wanted[:2]:
        raise ValueError(
            f"{name}: found predicted classes with the shape {predicted.shape} beside "
            f"the probabilities, expected (repeats, images) = {wanted[:2]}."
        )
    _check_classes(predicted, design, name)
    return Outcomes(predicted == design.labels, predicted, values)


def check_axes(
    values: np.ndarray, images: int, folds: np.ndarray | None, name: str
) -> None:
    """Refuse an array whose axes cannot be as of `outcomes`, before anything else.

    Else the folds would be held against a number of repeats that is none.

    Args:
        values: What the recipe said.
        images: How many images have a label.
        folds: The fold of each image, (R, n), or None.
        name: What the recipe is called.

    Raises:
        ValueError: If it has too many axes or too few, or they are in another order.
    """
    is_float, shape = values.dtype.kind == "f", values.shape
    axes = "(repeats, images, classes)" if is_float else "(repeats, images)"
    advice = "For a single repeat the first axis can be left out."
    wrong = len(shape) not in (1 + is_float, 2 + is_float)
    if is_float:
        advice = (
            "Floats are probabilities; give predicted classes as integers or names."
        )
        wrong = wrong or shape[-2] != images
        # An image in each row: probabilities of a single repeat.
        wrong = wrong or (len(shape) == 2 and folds is not None and len(folds) > 1)
    elif len(shape) == 2 and shape[0] == images != shape[1]:
        advice, wrong = "Its axes are in another order: transpose it.", True
    if wrong:
        raise ValueError(
            f"{name}: found an array of {values.dtype} with the shape {shape}, "
            f"expected {axes} of {images} images. {advice}"
        )


def most_probable(probs: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return the most probable class, (...), integers; of equal ones the first by name.

    By the order of the columns it would be another where a table is written otherwise.

    Args:
        probs: Of each class, (..., C).
        classes: Their names, C of them.
    """
    by_name = np.array(sorted(range(len(classes)), key=lambda i: classes[i]))
    return by_name[probs[..., by_name].argmax(axis=-1)]


def check_not_copied(a: Outcomes, b: Outcomes, design: Design) -> None:
    """Refuse repeats of which one is a copy of another.

    A copied run would count as a new one and make the interval too narrow.

    Raises:
        ValueError: If two repeats have the same folds, and the same probabilities for
            both recipes.
    """
    if a.probs is None or b.probs is None:
        return
    seen: dict[tuple, int] = {}
    for repeat in range(design.repeats):
        parts = [numbered_by_first_image(design.runs[repeat])]
        parts += [a.probs[repeat], b.probs[repeat]]
        key = tuple(hash(np.ascontiguousarray(part).tobytes()) for part in parts)
        if key in seen:
            raise ValueError(
                f"repeats {seen[key]} and {repeat} are the same: same folds, and the "
                "same probabilities for both recipes. A copy is no new run. Take one "
                "out, or train it with a seed of its own."
            )
        seen[key] = repeat


def wrong_probs(probs: np.ndarray) -> tuple[tuple[int, ...], str] | None:
    """Return where the first row of no probabilities is, and what is wrong with it.

    Args:
        probs: Of each class, (..., C).
    """
    advice = "Logits go through a softmax first, percents are divided by 100."
    places = np.argwhere(~(np.isfinite(probs) & (probs >= -BELOW_ZERO)))
    if len(places):
        found = probs[tuple(places[0])]
        text = f"found the probability {found}, expected 0 to 1. {advice}"
        return tuple(places[0, :-1].tolist()), text
    sums = probs.sum(axis=-1, dtype=np.float64)
    places = np.argwhere(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(places):
        places = np.argwhere(np.abs(sums - 1) > _rounded_tolerance(probs))
    if len(places):
        found = sums[tuple(places[0])]
        text = (
            f"found probabilities that sum to {found:.3f}, expected 1. {advice} "
            "Rounded ones need more digits."
        )
        return tuple(places[0].tolist()), text
    return None


def _rounded_tolerance(probs: np.ndarray) -> float:
    """Return how far from 1 the rows may sum if all numbers are rounded to few digits.

    Each number is off by half a digit at most, and a row by so much for each class.
    """
    for digits in (2, 3):
        # Binary fractions are a little more or less than what was written.
        if np.abs(probs - probs.round(digits)).max() < 1e-6:
            most = min(probs.shape[-1] * 0.5 * 10**-digits, ROUNDED_TOLERANCE)
            return max(most + 1e-6, SUM_TOLERANCE)
    return SUM_TOLERANCE


def _check_classes(values: np.ndarray, design: Design, name: str) -> None:
    count = len(design.classes)
    if values.min() < 0 or values.max() >= count:
        wrong = values[(values < 0) | (values >= count)][0]
        raise ValueError(
            f"{name}: found the class {wrong}, expected 0 to {count - 1}, as there are "
            f"{count} classes."
        )


def _check_probs(values: np.ndarray, name: str) -> None:
    if wrong := wrong_probs(values):
        (repeat, image), text = wrong
        raise ValueError(f"{name}, repeat {repeat}, image {image}: {text}")
