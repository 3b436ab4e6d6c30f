"""Classes by name or number, as integers."""

from collections.abc import Mapping, Sequence

import numpy as np

# No data set has as many; labels that name people or files may seem to.
MAX_NUMBERED = 100_000


def label_numbers(
    labels: Sequence | np.ndarray,
    classes: Sequence[str] | None,
    recipes: Mapping[str, np.ndarray],
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names, and the labels as integers, (n,).

    Args:
        labels: True class of each image, (n,): integers from 0, or names.
        classes: The class names in order, or None to find them out.
        recipes: What each recipe said, where classes may occur that no label has.

    Raises:
        ValueError: If the labels are neither, or of other classes; or if the numbers
            are too large to be counted up to.
    """
    labels = _known(labels, "labels")
    if labels.ndim != 1 or labels.dtype.kind not in "iuUTO":
        raise ValueError(
            f"labels: found an array of {labels.dtype} with the shape {labels.shape}, "
            "expected (images,) of integers from 0, or of class names."
        )
    arrays = [_known(values, name) for name, values in recipes.items()]
    if classes is not None:
        names = tuple(map(str, classes))
        if len(set(names)) < len(names):
            raise ValueError(
                f"classes: found {', '.join(names)}, expected each name once."
            )
    elif labels.dtype.kind in "iu":
        counts = [array.shape[-1] for array in arrays if array.dtype.kind == "f"]
        names = tuple(map(str, range(max(counts or [_count(labels, recipes)]))))
    else:
        said = [array.ravel() for array in arrays if array.dtype.kind in "UTO"]
        names = tuple(sorted({str(name) for part in (labels, *said) for name in part}))
    numbers = as_numbers(labels, names, "labels")
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names):
        wrong = numbers[(numbers < 0) | (numbers >= len(names))][0]
        raise ValueError(
            f"labels: found the class {wrong}, expected 0 to {len(names) - 1}, as "
            f"there are {len(names)} classes."
        )
    return names, numbers


def _count(labels: np.ndarray, recipes: Mapping[str, np.ndarray]) -> int:
    """Return how many classes there are if they are numbered from 0."""
    largest = 0
    for what, values in (("labels", labels), *recipes.items()):
        array = _known(values, what)
        if array.dtype.kind not in "iu":
            continue
        # In Python's integers: 255 + 1 of uint8 is 0.
        largest = max(largest, int(array.max(initial=0)))
        if largest >= MAX_NUMBERED:
            raise ValueError(
                f"{what}: found the class number {largest}, expected numbers from 0 "
                f"below {MAX_NUMBERED:,}, as there is a class of each number up to the "
                "largest. Give the labels as names, or number them from 0 and give "
                "`classes`."
            )
    return 1 + largest


def check_numbered_alike(
    names: Sequence[str], labels: np.ndarray, predicted: np.ndarray, what: str
) -> None:
    """Refuse predictions that are numbered from 0 where labels are from 1, or so.

    They are, if they name a number below or above those of all labels, and would be
    right more often by one number more or less. A class that the labels lack by chance
    does not do that.

    Args:
        names: Names of the classes, C of them; whole numbers, or nothing is checked.
        labels: True class of each image by its place in the names, (n,).
        predicted: Predicted class by its place in the names, (R, n).
        what: What to call the predictions.
    """
    if not all(name.isdecimal() and len(name) < 16 for name in names):
        return
    numbers = np.array([int(name) for name in names])
    truth, said = numbers[labels], numbers[predicted]
    low, high = truth.min(), truth.max()
    for step, is_outside in ((1, said.min() < low), (-1, said.max() > high)):
        if is_outside and (said + step == truth).sum() > (said == truth).sum():
            raise ValueError(
                f"{what}: labels are {low} to {high}, predictions {said.min()} to "
                f"{said.max()}, and would be right more often by one number "
                f"{'more' if step > 0 else 'less'}. Number both alike, or write the "
                "names of the classes."
            )


def as_numbers(values: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
    """Return class names as integers; leave other values as they are.

    Raises:
        ValueError: If a name is none of the classes.
    """
    values = _known(values, what)
    if values.dtype.kind not in "UTO":
        return values
    places = {name: i for i, name in enumerate(names)}
    unknown = sorted({str(value) for value in values.ravel()} - places.keys())
    if unknown:
        raise ValueError(
            f"{what}: found the class {unknown[0]!r}, expected one of "
            f"{', '.join(names)}. Correct it, or add it to `classes`."
        )
    return np.vectorize(lambda name: places[str(name)], otypes=[int])(values)


def _known(values: Sequence | np.ndarray, what: str) -> np.ndarray:
    """Return an array in which nothing is missing, of integers or bools where all are.

    Raises:
        ValueError: If there is a gap, which pandas writes as None, nan or NA.
    """
    values = np.asarray(values)
    if values.dtype.kind != "O":
        return values
    flat = values.ravel().tolist()
    others = [value for value in flat if not isinstance(value, str)]
    gaps = [value for value in others if str(value) in ("None", "nan", "<NA>", "NaT")]
    if gaps:
        raise ValueError(f"{what}: found {gaps[0]}, expected a class of each image.")
    if all(type(value) is int for value in flat):
        return values.astype(int)
    if flat and all(isinstance(value, bool | np.bool_) for value in flat):
        return values.astype(bool)
    return values


def positive_class(positive: str | None, names: Sequence[str]) -> int:
    """Return the number of the class that is to be found; the second without a name.

    Raises:
        ValueError: If a name is given, and it is not one of two classes.
    """
    if positive is None:
        return 1
    if len(names) != 2 or str(positive) not in names:
        raise ValueError(
            f"positive is {positive!r}, expected one of two classes, and there are "
            f"{', '.join(names)}."
        )
    return names.index(str(positive))
