"""Blotches of a leaf disease, and the same blotches as stains beside a healthy leaf."""

import cv2
import numpy as np

# Rim and middle of a blotch, RGB in [0, 1]: tar spot, leaf spot, rust, mildew.
KINDS = np.array(
    [
        [[0.07, 0.06, 0.06], [0.13, 0.11, 0.10]],
        [[0.23, 0.13, 0.08], [0.62, 0.52, 0.40]],
        [[0.33, 0.14, 0.06], [0.52, 0.27, 0.09]],
        [[0.55, 0.53, 0.48], [0.80, 0.79, 0.74]],
    ]
)


def add_blotches(
    image: np.ndarray, blade: np.ndarray, rng: np.random.Generator, *, on_leaf: bool
) -> np.ndarray:
    """Return ``image`` with blotches on the leaf, or as many beside it.

    Both are drawn alike, so neither the colours of a picture nor how dark it is tells
    whether the leaf is healthy: only where the blotches are does.

    Args:
        image: (H, W, 3), RGB in [0, 1], float32.
        blade: Coverage of each pixel by the leaf, (H, W), in [0, 1].
        rng: Source of the number, places, sizes and colours.
        on_leaf: Whether the leaf is the blotched one.
    """
    places = _places(blade, on_leaf=on_leaf)
    rim, middle = KINDS[rng.integers(len(KINDS))] * rng.uniform(0.85, 1.15)
    halo = np.array([0.72, 0.62, 0.25]) * rng.uniform(0.7, 1.1)
    mean_px = len(image) * rng.uniform(0.016, 0.034)
    share = rng.normal(0.0047, 0.0009)
    count = int(np.clip(share * blade.size / mean_px**2, 4, 20))
    spots = np.zeros((2, *blade.shape), np.uint8)
    for x, y in places[rng.integers(len(places), size=count)]:
        spot = _spot(rng, mean_px * rng.lognormal(-0.1, 0.4))
        for layer, scale in zip(spots, (1.0, 0.6), strict=True):
            points = ((spot * scale + (x, y)) * 16).astype(np.int32)
            cv2.fillPoly(layer, [points], 255, cv2.LINE_AA, 4)
    if on_leaf:
        spots = (spots * blade).astype(np.uint8)
    whole, inner = (layer[..., None].astype(np.float32) / 255 for layer in spots)
    glow = cv2.GaussianBlur(whole[..., 0], (0, 0), mean_px * 0.45)[..., None]
    strength = rng.uniform(0.2, 0.7)
    layers = ((glow * strength, halo), (whole * 0.92, rim), (inner * 0.8, middle))
    for cover, colour in layers:
        image = image + (colour.astype(np.float32) - image) * cover
    return image


def _places(blade: np.ndarray, *, on_leaf: bool) -> np.ndarray:
    """Return the pixels, (N, 2), x and y, at some distance from the leaf's edge."""
    side = (blade > 0.5) == on_leaf
    depth = cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 3)
    margin_px = len(blade) * (0.012 if on_leaf else 0.07)
    return np.argwhere(depth >= min(margin_px, 0.7 * depth.max()))[:, ::-1]


def _spot(rng: np.random.Generator, radius_px: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = sum(
        rng.normal(0, 0.22 / order) * np.sin(order * angles + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 5)
    )
    circle = np.stack([np.cos(angles), rng.uniform(0.7, 1) * np.sin(angles)], 1)
    return radius_px * (1 + waves)[:, None] * circle
