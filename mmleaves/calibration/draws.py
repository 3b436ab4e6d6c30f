"""One experiment: images are drawn, recipes trained on them, and scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmleaves.calibration.ridge import cross_validate, fit_and_score
from mmleaves.evidence.design import Design

# Draws images: how many of them and by what, to (inputs, labels).
Source = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


class Recipe(Protocol):
    """What turns images into features, under a ridge head with this penalty."""

    ridge: float

    def extract(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the features of images as the run that draws by ``rng`` has them."""


@dataclass(frozen=True)
class Size:
    """How large an experiment is.

    Args:
        images: Images to cross-validate on, n.
        folds: Folds of a repeat, K.
        repeats: Repeats, each with a new split and seed, R.
        holdout: Images held out beside them, or 0.
        seeds: Runs on the hold-out, each trained on all n images.
        halves: Whether to do 5 repeats of 2 folds as well, for the 5x2 test.
        fresh: Images to measure the true accuracy on, or 0.
        shared_seed: Whether the folds of a repeat are trained from one seed, as if the
            seed decided the same for all of them; else every run has its own.
    """

    images: int = 428
    folds: int = 5
    repeats: int = 3
    holdout: int = 33
    seeds: int = 10
    halves: bool = True
    fresh: int = 1000
    shared_seed: bool = False


@dataclass(frozen=True, eq=False)
class Draw:
    """What came of an experiment, for M recipes.

    Args:
        design: Images and runs of the cross-validation.
        right: Whether each image was right, (M, R, n), bool.
        held_out: The same on the hold-out, (M, seeds, images), or None.
        halves: Accuracies of 5 repeats of 2 folds, (M, 5, 2), or None.
        true: Share of fresh images that a head trained on K - 1 folds has right, (M,),
            or None.
    """

    design: Design
    right: np.ndarray
    held_out: np.ndarray | None
    halves: np.ndarray | None
    true: np.ndarray | None


def draw_experiment(
    source: Source, recipes: Sequence[Recipe], size: Size, seed: int, number: int
) -> Draw:
    """Draw images, train every recipe on them as a plan of repeats would, and score.

    All recipes have the same images and splits, and seeds of their own.

    Args:
        source: Where images are drawn.
        recipes: What is trained, M of them; one twice is a comparison of A with A.
        size: How much is drawn and trained.
        seed: Seed of the study.
        number: Which experiment of the study.
    """
    rng = np.random.default_rng([seed, number])
    n = size.images
    images, labels = source(n + size.holdout + size.fresh, rng)
    # In any order: sources may give them class by class.
    order = rng.permutation(len(labels))
    images, labels = images[order], labels[order]
    folds = np.stack(
        [_stratified(labels[:n], size.folds, rng) for _ in range(size.repeats)]
    )
    names = tuple(map(str, range(labels.max() + 1)))
    design = Design(labels[:n], names, size.repeats, folds)
    halved = [_stratified(labels[:n], 2, rng) for _ in range(5 if size.halves else 0)]

    def run(slot: int, kind: int, repeat: int) -> np.random.Generator:
        return np.random.default_rng([seed, number, slot, kind, repeat])

    def runs(slot: int) -> list[list[np.random.Generator]]:
        """Return what the runs of each repeat draw by; one for all if it is shared."""
        count = 1 if size.shared_seed else size.folds
        return [
            [np.random.default_rng([seed, number, slot, 0, r, f]) for f in range(count)]
            for r in range(size.repeats)
        ]

    right, held_out, halves, true = [], [], [], []
    train, held, fresh = slice(n), slice(n, n + size.holdout), slice(-size.fresh, None)
    for slot, recipe in enumerate(recipes):
        said = [
            _one_repeat(recipe, images[train], labels[train], fold, draws)
            for fold, draws in zip(folds, runs(slot), strict=True)
        ]
        right.append(np.stack(said) == labels[train])
        for r, fold in enumerate(halved):
            features = recipe.extract(images[train], run(slot, 1, r))
            ok = cross_validate(features, labels[train], fold, recipe.ridge)
            ok = ok == labels[train]
            halves.append([ok[fold == half].mean() for half in (0, 1)])
        for r in range(size.seeds if size.holdout else 0):
            features = recipe.extract(images[: n + size.holdout], run(slot, 2, r))
            said = fit_and_score(
                features[train], labels[train], features[held], recipe.ridge
            )
            held_out.append(said == labels[held])
        if size.fresh:
            part = np.flatnonzero(folds[0] != 0)
            features = recipe.extract(images, run(slot, 3, 0))
            said = fit_and_score(
                features[part], labels[part], features[fresh], recipe.ridge
            )
            true.append(np.mean(said == labels[fresh]))
    count = len(recipes)
    return Draw(
        design=design,
        right=np.stack(right),
        held_out=np.stack(held_out).reshape(count, size.seeds, -1)
        if held_out
        else None,
        halves=np.array(halves).reshape(count, 5, 2) if halves else None,
        true=np.array(true) if true else None,
    )


def _one_repeat(
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    draws: Sequence[np.random.Generator],
) -> np.ndarray:
    """Return the class that each image gets in a repeat, (n,)."""
    if len(draws) == 1:
        features = recipe.extract(images, draws[0])
        return cross_validate(features, labels, folds, recipe.ridge)
    said = np.empty(len(labels), int)
    for fold, rng in enumerate(draws):
        features, here = recipe.extract(images, rng), folds == fold
        said[here] = fit_and_score(
            features[~here], labels[~here], features[here], recipe.ridge
        )
    return said


def _stratified(labels: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return a fold for each image, (n,), even in all and in every class."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    found = np.empty(len(labels), int)
    found[order] = np.arange(len(labels)) % folds
    return found
