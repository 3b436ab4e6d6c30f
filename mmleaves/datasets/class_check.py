"""Whether what a model learns are the classes that it is tested on."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mmleaves.datasets.class_order import some_names


def check_same_classes(
    train: Sequence[str], other: Sequence[str], *, other_name: str
) -> None:
    """Make sure that a number stands for one class in both parts.

    Args:
        train: Class names of the training part, in order.
        other: Class names of another part, in order.
        other_name: What the other part is called, such as ``"val"``.

    Raises:
        ValueError: If names or order differ, with the names that do.
    """
    if tuple(train) == tuple(other):
        return
    advice = (
        "Give both data sets the same `classes`, or let the second take those of the "
        "first (`classes_from`)."
    )
    if unknown := [name for name in other if name not in train]:
        raise ValueError(
            f"{other_name}: found {some_names(unknown)}, which train lacks, expected "
            f"the {len(train)} classes of train. {advice}"
        )
    if missing := [name for name in train if name not in other]:
        raise ValueError(
            f"{other_name}: found {len(other)} classes, expected the {len(train)} of "
            f"train, so {some_names(missing)} too. {advice}"
        )
    number = next(i for i, name in enumerate(train) if name != other[i])
    raise ValueError(
        f"{other_name}: found {other[number]!r} as class {number}, expected "
        f"{train[number]!r} as in train. {advice}"
    )


def check_trained_classes(
    classes: Sequence[str],
    train_labels: Sequence[int],
    other_labels: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Make sure that every class has an image to train with.

    Args:
        classes: Class names, in order, (C,).
        train_labels: Class of each training image, (N,), 0 to C - 1.
        other_labels: The same of other parts, by their names.

    Raises:
        ValueError: If a class has none, with its name and where it has images.
    """
    trained = Counter(map(int, train_labels))
    untrained = [number for number in range(len(classes)) if not trained[number]]
    if not untrained:
        return
    elsewhere = []
    for part, labels in (other_labels or {}).items():
        counts = Counter(map(int, labels))
        if n_images := sum(counts[number] for number in untrained):
            elsewhere.append(f"{n_images} in {part}")
    raise ValueError(
        f"train: found no image of {some_names([classes[i] for i in untrained])}, "
        f"expected one or more of each of the {len(classes)} classes (there are "
        f"{' and '.join(elsewhere) or 'none elsewhere'}). Add images, split in another "
        "way, or take the class out of every part."
    )
