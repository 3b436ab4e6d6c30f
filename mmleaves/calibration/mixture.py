"""Simulated images, a mixture of Gaussians, and recipes to tell its classes."""

from dataclasses import dataclass
from functools import cache

import numpy as np

CLASSES, DIMENSIONS, CENTRES_PER_CLASS = 8, 16, 3
# So that a good recipe has some 89 % right after 342 images.
CENTRE_SPREAD = 1.32


@cache
def _centres() -> np.ndarray:
    """Return the centres of the mixture, the same for every experiment."""
    rng = np.random.default_rng(5)
    shape = (CLASSES, CENTRES_PER_CLASS, DIMENSIONS)
    return (CENTRE_SPREAD * rng.normal(size=shape)).astype(np.float32)


def draw_images(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return new images, (count, 16) float32, and their classes, (count,), 0 to 7."""
    labels = np.arange(count) % CLASSES
    centre = rng.integers(CENTRES_PER_CLASS, size=count)
    noise = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    return _centres()[labels, centre] + noise, labels


@dataclass(frozen=True)
class RandomFeatures:
    """Features of random weights, under a ridge head that is trained.

    Args:
        features: Number of features, F.
        ridge: Ridge penalty, as a multiple of the features' mean square.
        backbone: Seed of the weights that all runs share.
        seed_noise: How much of the weights each run draws anew: 0 for a backbone that
            is fixed, 1 for one that is trained from scratch.
        kind: ``"relu"``, or ``"cosine"`` for another algorithm: random Fourier
            features, which stand for a Gaussian kernel.
        scale: Factor of the weights.
    """

    features: int
    ridge: float
    backbone: int = 0
    seed_noise: float = 0.2
    kind: str = "relu"
    scale: float = 0.25

    def extract(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the features of images, (n, F), as a run with this seed has them.

        Args:
            images: (n, 16), float32.
            rng: What the run draws by.
        """
        shape = (DIMENSIONS + 1, self.features)
        shared = np.random.default_rng([17, self.backbone]).standard_normal(shape)
        own = rng.standard_normal(shape)
        keep = np.sqrt(1 - self.seed_noise**2)
        weights = (keep * shared + self.seed_noise * own).astype(np.float32)
        inputs = images @ (self.scale * weights[1:])
        if self.kind == "relu":
            return np.maximum(inputs + weights[0], 0)
        return np.cos(inputs + np.float32(2 * np.pi) * weights[0])
