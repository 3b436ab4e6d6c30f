"""Heads trained by ridge regression, all folds of a repeat at once."""

import numpy as np


def cross_validate(
    features: np.ndarray, labels: np.ndarray, folds: np.ndarray, ridge: float
) -> np.ndarray:
    """Return the class that each image gets when its fold is scored, (n,).

    The head of a fold is fitted to the images of the other folds.

    Args:
        features: (n, F).
        labels: Classes, (n,), from 0.
        folds: Fold of each image, (n,), from 0.
        ridge: Penalty, as a multiple of the features' mean square.
    """
    inputs, targets = _with_bias(features), _targets(labels)
    order = np.argsort(folds, kind="stable")
    ends = np.cumsum(np.bincount(folds))[:-1]
    parts = list(
        zip(np.split(inputs[order], ends), np.split(targets[order], ends), strict=True)
    )
    squares = np.stack([x.T @ x for x, _ in parts])
    products = np.stack([x.T @ y for x, y in parts])
    heads = _solve(squares.sum(0) - squares, products.sum(0) - products, ridge)
    said = np.empty(len(labels), int)
    scores = [(x @ head).argmax(1) for (x, _), head in zip(parts, heads, strict=True)]
    said[order] = np.concatenate(scores)
    return said


def fit_and_score(
    features: np.ndarray, labels: np.ndarray, scored: np.ndarray, ridge: float
) -> np.ndarray:
    """Return the class that each scored image gets, (m,).

    Args:
        features: Of the images to train on, (n, F).
        labels: Their classes, (n,), from 0.
        scored: Features of the images to score, (m, F).
        ridge: Penalty, as a multiple of the features' mean square.
    """
    inputs = _with_bias(features)
    head = _solve(inputs.T @ inputs, inputs.T @ _targets(labels), ridge)
    return (_with_bias(scored) @ head).argmax(1)


def _with_bias(features: np.ndarray) -> np.ndarray:
    return np.concatenate([features, np.ones((len(features), 1), features.dtype)], 1)


def _targets(labels: np.ndarray) -> np.ndarray:
    return np.eye(labels.max() + 1, dtype=np.float32)[labels]


def _solve(squares: np.ndarray, products: np.ndarray, ridge: float) -> np.ndarray:
    """Solve for the heads; the penalty is scaled by the diagonal's mean."""
    size = squares.shape[-1]
    scale = np.trace(squares, axis1=-2, axis2=-1) / size
    penalty = np.eye(size, dtype=squares.dtype) * (ridge * scale)[..., None, None]
    return np.linalg.solve(squares + penalty, products)
