"""Which images were scored by which run: the design of a comparison."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MIN_IMAGES = 10


class TooFewOfAClassError(ValueError):
    """A score needs more images of some class than there are."""


@dataclass(frozen=True, eq=False)
class Design:
    """What the runs of all configs have in common.

    Args:
        labels: True class of each image, (n,), integers from 0 to C - 1.
        classes: Class names in label order, C of them.
        repeats: How often each image was scored, R.
        folds: For each repeat the fold that each image was scored in, (R, n), integers
            from 0; or None for a hold-out, where every repeat is one run that scores
            all n images.
        train_images: How many images each run was trained on. In cross-validation None
            stands for all images outside the fold; on a hold-out None is for a single
            run only, where it plays no part.

    Raises:
        ValueError: If nothing can be decided with such a design; says why.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    repeats: int
    folds: np.ndarray | None = None
    train_images: int | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError("found no repeats, expected 1 or more.")
        self._check_labels()
        if self.folds is not None:
            self._check_folds(self.folds)
        elif self.repeats > 1 and self.train_images is None:
            raise ValueError(
                f"found {self.repeats} runs on one hold-out, and not how many images "
                "they were trained on, which the width of the interval depends on. "
                "Give it as `train_images` (--train-images); for cross-validation, "
                "give the fold of each image."
            )
        # So that nan is refused.
        if self.train_images is not None and not 1 <= self.train_images < np.inf:
            raise ValueError(
                f"train_images is {self.train_images}, expected 1 or more: the number "
                "of images that each run was trained on."
            )

    def _check_labels(self) -> None:
        n = len(self.labels)
        if n < MIN_IMAGES:
            raise ValueError(
                f"found {n} scored images, expected {MIN_IMAGES} or more: fewer decide "
                "nothing. Score more images, or cross-validate on all you have."
            )
        if len(np.unique(self.labels)) < 2:
            name = self.classes[self.labels[0]]
            raise ValueError(
                f"all {n} scored images are of one class, {name!r}, expected two or "
                "more classes. Check the labels, and the split."
            )

    def _check_folds(self, folds: np.ndarray) -> None:
        if folds.dtype.kind not in "iu":
            raise ValueError(
                f"folds: found an array of {folds.dtype}, expected integers from 0."
            )
        if folds.shape != (self.repeats, len(self.labels)):
            raise ValueError(
                f"folds has the shape {folds.shape}, expected (repeats, images) = "
                f"{(self.repeats, len(self.labels))}."
            )
        sets = [np.unique(row) for row in folds]
        for repeat, (row, found) in enumerate(zip(folds, sets, strict=True)):
            if not np.array_equal(found, np.arange(len(sets[0]))) or len(found) < 2:
                raise ValueError(
                    f"repeat {repeat} has the folds {_short(found)}, expected 0 to "
                    "K - 1 with the same K of 2 or more in every repeat. Give each "
                    "image the number of the fold that it was scored in."
                )
            if np.bincount(row).min() < 2:
                raise ValueError(
                    f"repeat {repeat} has a fold with a single image, expected 2 or "
                    "more in each. Leave-one-out cannot show how runs differ: use "
                    "fewer folds, such as 5."
                )

    @property
    def images(self) -> int:
        """Number of images, n."""
        return len(self.labels)

    @property
    def is_holdout(self) -> bool:
        """Whether every run scored all images."""
        return self.folds is None

    @cached_property
    def runs(self) -> np.ndarray:
        """Run that scored each image in each repeat, (R, n), from 0 to G - 1."""
        repeat = np.arange(self.repeats)[:, None]
        if self.folds is None:
            return np.broadcast_to(repeat, (self.repeats, self.images))
        return repeat * (1 + self.folds.max()) + self.folds

    @cached_property
    def run_count(self) -> int:
        """Number of runs of each config, G: folds x repeats, or seeds of a hold-out."""
        return int(self.runs.max()) + 1

    @property
    def runs_per_repeat(self) -> int:
        """Number of folds, or 1 for a hold-out."""
        return self.run_count // self.repeats

    @property
    def test_train_ratio(self) -> float:
        """Images that a run is scored on, divided by those it was trained on.

        0 for a single run on a hold-out, where two trained models are compared: other
        training sets are none of its question.
        """
        if self.is_holdout and self.repeats == 1:
            return 0.0
        if self.train_images is not None:
            return self.images / self.runs_per_repeat / self.train_images
        return 1 / (self.runs_per_repeat - 1)

    def by_run(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of (R, n) or (R, n, k) values in each run: (G,) or (G, k)."""
        flat = values.reshape(self.repeats * self.images, -1)
        runs = self.runs.ravel()
        sums = [np.bincount(runs, column, self.run_count) for column in flat.T]
        return np.stack(sums, axis=-1).reshape(self.run_count, *values.shape[2:])

    def first(self, repeats: int) -> "Design":
        """Return the design of the first repeats alone."""
        folds = None if self.folds is None else self.folds[:repeats]
        return Design(self.labels, self.classes, repeats, folds, self.train_images)

    def __str__(self) -> str:
        if self.is_holdout:
            what, count = ("run" if self.repeats == 1 else "runs"), self.repeats
            return f"{self.images} held-out images x {count} {what}"
        what = "repeat" if self.repeats == 1 else "repeats"
        return f"{self.images} images x {self.repeats} {what}"


def numbered_by_first_image(folds: np.ndarray) -> np.ndarray:
    """Return folds, (n,), numbered by their first images: their names are free."""
    _, first, numbers = np.unique(folds, return_index=True, return_inverse=True)
    return first.argsort().argsort()[numbers]


def _short(values: np.ndarray) -> str:
    text = [str(value) for value in values]
    return ", ".join(text if len(text) < 8 else [*text[:6], "...", text[-1]])
