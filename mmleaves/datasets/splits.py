"""Which images are for training, which for choosing and which for testing.

Pure functions of labels, options and a seed: every part of a data set comes from the
same call, so parts are disjoint, and they are the same on every machine.
"""

import difflib
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Hashable, Sequence

import numpy as np

from mmleaves.datasets.class_sizes import Sizes

ALWAYS_TRAIN = -1


def check_part(part: str, parts: Collection[str]) -> None:
    """Raise a ``ValueError`` that names the nearest part unless ``part`` is one."""
    if part not in parts:
        near = difflib.get_close_matches(str(part), parts, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"found part={part!r}, expected one of {', '.join(map(repr, parts))}. "
            f"Did you mean {near!r}?"
        )


def check_seed(seed: int) -> None:
    """Raise a ``ValueError`` unless NumPy takes ``seed``."""
    if not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise ValueError(
            f"found split_seed={seed!r}, expected a whole number from 0 to 2**32 - 1. "
            "Set `split_seed` to 0."
        )


def stratified_folds(labels: Sequence[Hashable], folds: int, seed: int) -> np.ndarray:
    """Deal images out to folds, each class evenly.

    The folds are those of scikit-learn's ``StratifiedKFold(folds, shuffle=True,
    random_state=seed)``, but for the only image of a class: it would leave the class
    without training when its fold is held out, so it belongs to no fold.

    Args:
        labels: Class of each image, (N,).
        folds: Number of folds, 2 or more.
        seed: Seed of the shuffling, 0 or more.

    Returns:
        Fold of each image, 0 to ``folds - 1``, or ``ALWAYS_TRAIN`` for the only image
        of its class, (N,), int64.

    Raises:
        ValueError: If ``folds`` is below 2 or no class has as many images as folds.
    """
    from sklearn.model_selection import StratifiedKFold

    check_seed(seed)
    if folds < 2:
        raise ValueError(f"found folds={folds}, expected 2 or more. Set `folds` to 5.")
    counts = Counter(labels)
    largest = max(counts.values(), default=0)
    if largest < folds:
        raise ValueError(
            f"found {largest} images in the largest class, expected at least as many "
            f"as folds={folds}. Set `folds` to at most {max(largest, 2)}, or add "
            "images."
        )
    dealt = np.flatnonzero([counts[label] > 1 for label in labels])
    codes = {label: code for code, label in enumerate(counts)}
    classes = np.array([codes[label] for label in labels])[dealt]
    fold_of = np.full(len(labels), ALWAYS_TRAIN, dtype=np.int64)
    with warnings.catch_warnings():
        # A class with fewer images than folds is in training all the same: no fold
        # gets two of its images.
        warnings.filterwarnings("ignore", "The least populated class")
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        for fold, (_, held_out) in enumerate(splitter.split(classes, classes)):
            fold_of[dealt[held_out]] = fold
    return fold_of


def fold_part(fold_of: np.ndarray, part: str, fold: int, folds: int) -> np.ndarray:
    """Return which images are in ``part`` when ``fold`` is held out, (N,), bool.

    Args:
        fold_of: Fold of each image, from `stratified_folds`, (N,).
        part: ``"train"``, ``"val"`` for the fold held out.
        fold: The fold held out, 0 to ``folds - 1``.
        folds: Number of folds.

    Raises:
        ValueError: If there is no such fold.
    """
    if not 0 <= fold < folds:
        raise ValueError(
            f"found fold={fold}, expected 0 to {folds - 1}, as folds={folds}. "
            "Set `fold` to one of them."
        )
    return (fold_of == fold) == (part == "val")


def split_classes(labels: Sequence[str], sizes: Sizes, seed: int) -> np.ndarray:
    """Draw images of each class for training and choosing; the rest are for testing.

    A class is drawn by the seed and its own name, so that adding or leaving out
    another class changes nothing for it; and with one seed, more images for choosing
    come out of those for training, never out of those for testing.

    Args:
        labels: Class name of each image, (N,), images in an order of their own.
        sizes: Number to train with and number to choose with, from name and count.
        seed: Seed of the drawing, 0 to 2**32 - 1.

    Returns:
        ``"train"``, ``"val"`` or ``"test"`` for each image, (N,), str.
    """
    check_seed(seed)
    names = np.asarray(labels, dtype=str)
    part_of = np.full(len(names), "test", dtype="<U5")
    for name in dict.fromkeys(labels):
        members = np.flatnonzero(names == name)
        n_train, n_val = sizes(name, len(members))
        # RandomState, as NumPy keeps its stream the same for good (NEP 19).
        rng = np.random.RandomState([seed, zlib.crc32(name.encode())])
        drawn = members[rng.permutation(len(members))]
        part_of[drawn[:n_train]] = "train"
        part_of[drawn[n_train : n_train + n_val]] = "val"
    return part_of
