"""Class weights of a loss, by the names of the classes or by how many images they have.

What is given in the config, such as ``class_weight=dict(malignant=2.0, benign=1.0)`` or
``class_weight="auto"``, becomes a list in label order when a training starts.
"""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real

import numpy as np
from torch import nn

from mmleaves.datasets.class_order import some_names


def class_weights(
    given: Mapping[str, float] | str, classes: Sequence[str], labels: Sequence[int]
) -> list[float]:
    """Return a weight for each class, in label order.

    Args:
        given: Weights by class name, all of them and each above 0; or ``"auto"`` for
            N / (C x images of the class), whose mean over the images is 1: scikit-
            learn's ``"balanced"``.
        classes: Class names, C of them.
        labels: Class of each training image, (N,), 0 to C - 1.

    Raises:
        ValueError: If a name is unknown or missing, a weight is not above 0, a class
            has no image to go by, or ``given`` is neither.
    """
    where = "class_weight of the loss"
    if given != "auto" and not isinstance(given, Mapping):
        raise ValueError(
            f"{where}: found {given!r}, expected 'auto', weights by class name, or "
            "a list of them in label order."
        )
    if isinstance(given, str):
        counts = np.bincount(labels, minlength=len(classes))
        if empty := [classes[i] for i in np.flatnonzero(counts == 0)]:
            raise ValueError(
                f"{where} is 'auto', and there is no training image of "
                f"{some_names(empty)} to go by. Add images, or give weights by name."
            )
        return (len(labels) / (len(classes) * counts)).tolist()
    if unknown := [name for name in given if name not in classes]:
        raise ValueError(
            f"{where} names {some_names(unknown)}, which is no class; there are "
            f"{some_names(classes)}. Correct it."
        )
    if missing := [name for name in classes if name not in given]:
        raise ValueError(
            f"{where} has no weight of {some_names(missing)}. Give one for each of the "
            f"{len(classes)} classes; 1 is the weight of a class without one."
        )
    for name, weight in given.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 < weight < float("inf"):
            raise ValueError(
                f"{where}: {name!r} has {weight!r}, expected a number above 0."
            )
    return [float(given[name]) for name in classes]


def weighted_losses(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the losses of ``model`` whose class weights are no list of them.

    They stand by name or as a word; a single number is for `class_weights` to refuse.
    """
    for module in model.modules():
        if isinstance(getattr(module, "class_weight", None), Mapping | str | Real):
            yield module


def told(
    given: Mapping[str, float] | str, classes: Sequence[str], weights: Sequence[float]
) -> str:
    """Return the line for the log: what the weights are, and where they come from."""
    how = "by name"
    if given == "auto":
        how = f"images / ({len(classes)} classes x images of the class), 'auto'"
    if len(classes) > 10:
        return f"Class weights, {how}: {min(weights):.4g} to {max(weights):.4g}."
    listed = ", ".join(
        f"{name} (label {label}) {weight:.4g}"
        for label, (name, weight) in enumerate(zip(classes, weights, strict=True))
    )
    return f"Class weights, {how}: {listed}."
