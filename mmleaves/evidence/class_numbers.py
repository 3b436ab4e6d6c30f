"""Classes by name or number, as integers."""

from collections.abc import Mapping, Sequence

import numpy as np


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
        ValueError: If the labels are neither, or of other classes.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iuUTO":
        raise ValueError(
            f"labels: found an array of {labels.dtype} with the shape {labels.shape}, "
            "expected (images,) of integers from 0, or of class names."
        )
    if classes is not None:
        names = tuple(map(str, classes))
    elif labels.dtype.kind in "iu":
        arrays = [np.asarray(values) for values in recipes.values()]
        counts = [1 + labels.max(initial=0)]
        counts += [array.shape[-1] for array in arrays if array.dtype.kind == "f"]
        counts += [
            1 + array.max(initial=0) for array in arrays if array.dtype.kind in "iu"
        ]
        names = tuple(map(str, range(int(max(counts)))))
    else:
        arrays = [np.asarray(values) for values in recipes.values()]
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


def as_numbers(values: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
    """Return class names as integers; leave other values as they are.

    Raises:
        ValueError: If a name is none of the classes.
    """
    values = np.asarray(values)
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


def positive_class(positive: str | None, names: Sequence[str]) -> int:
    """Return the number of the class that is to be found; the second without a name.

    Raises:
        ValueError: If a name is given, and it is not one of two classes.
    """
    if positive is None:
        return 1
    if len(names) != 2 or positive not in names:
        raise ValueError(
            f"positive is {positive!r}, expected one of two classes, and there are "
            f"{', '.join(names)}."
        )
    return names.index(positive)
