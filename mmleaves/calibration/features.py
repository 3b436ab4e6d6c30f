"""Real images as features that a fixed net made of them."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np


@dataclass(frozen=True, eq=False)
class FeaturePool:
    """Features of many images; every experiment draws its own from them.

    Args:
        features: (N, D), float32.
        labels: Classes, (N,), from 0 to C - 1.
    """

    features: np.ndarray
    labels: np.ndarray

    def __call__(
        self, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``count`` images, none twice: features and classes.

        Raises:
            ValueError: If there are not so many.
        """
        if count > len(self.labels):
            raise ValueError(
                f"found {len(self.labels)} images, expected {count} or more for one "
                "experiment. Compute the features of more images."
            )
        rows = rng.choice(len(self.labels), count, replace=False)
        return self.features[rows], self.labels[rows]


@dataclass(frozen=True)
class FeatureSubset:
    """A ridge head on a part of the features, which the run's seed draws.

    Args:
        features: How many of the features a run sees, F.
        ridge: Ridge penalty, as a multiple of the features' mean square.
        power: What features are raised to, keeping the sign; below 1 it evens them
            out, and makes another recipe of the same features.
    """

    features: int
    ridge: float
    power: float = 1.0

    def extract(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return F of the features of images, (n, F)."""
        columns = rng.choice(images.shape[1], self.features, replace=False)
        chosen = images[:, columns]
        if self.power == 1:
            return chosen
        return np.sign(chosen) * np.abs(chosen) ** np.float32(self.power)


def read_features(path: str) -> FeaturePool:
    """Read ``features``, (N, D), and ``labels``, (N,), from an ``.npz`` file.

    Features are standardised, each to a mean of 0 and a deviation of 1.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not hold these arrays.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file of features {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, TypeError, OSError, AttributeError, BadZipFile) as error:
        raise ValueError(f"{path}: found no .npz file of arrays ({error}).") from None
    shapes = ", ".join(f"{k} {v.dtype} {v.shape}" for k, v in arrays.items())
    features, labels = arrays.get("features"), arrays.get("labels")
    fits = (
        features is not None
        and labels is not None
        and features.ndim == 2
        and features.dtype.kind == "f"
        and labels.dtype.kind in "iu"
        and labels.shape == features.shape[:1]
    )
    if not fits:
        raise ValueError(
            f"{path}: found {shapes or 'nothing'}, expected features, floats (N, D), "
            "and labels, integers (N,)."
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"{path}: found features that are NaN or infinite, expected numbers. "
            "Compute them again."
        )
    _, labels = np.unique(labels, return_inverse=True)
    features = features.astype(np.float32)
    spread = features.std(axis=0)
    # A feature that is the same for all images says nothing.
    features = features[:, spread > 0]
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    return FeaturePool(features, labels)
