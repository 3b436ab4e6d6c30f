"""Draw one picture of a leaf, with all that makes telling the species hard."""

import cv2
import numpy as np

from mmleaves.sample.backgrounds import draw_background, noise
from mmleaves.sample.blotches import add_blotches
from mmleaves.sample.leaf import Leaf, grow, rotation
from mmleaves.sample.painting import Masks, paint_leaf, rasterise
from mmleaves.sample.species import Species

# Lies across or beside the leaf; the same for all species, so it tells nothing.
LITTER = Species(width=0.3, base=0.7, tip=0.8, veins=6, stalk=0.2)


def draw_leaf(
    species: Species,
    rng: np.random.Generator,
    size_px: int,
    *,
    blotched: bool | None = None,
) -> np.ndarray:
    """Return a picture of one leaf, (size_px, size_px, 3), BGR, uint8.

    Args:
        species: What to draw.
        rng: Source of everything that varies.
        size_px: Side of the picture.
        blotched: Draw blotches on the leaf (True) or beside it (False), or none.
    """
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), np.sin(angle)])
    image = draw_background(rng, size_px)
    focus_px = size_px / 224 * rng.uniform(0.1, 1.8)
    image = cv2.GaussianBlur(image, (0, 0), focus_px)
    for _ in range(rng.choice(3, p=[0.5, 0.35, 0.15])):
        image = paint_leaf(image, _litter(rng, size_px), rng, light)
    area = size_px**2 * rng.uniform(0.20, 0.42)
    leaf = _placed(grow(species, rng), rng, size_px, area, drift=0.07)
    masks = rasterise(leaf, size_px)
    image = paint_leaf(image, masks, rng, light)
    if blotched is not None:
        image = add_blotches(image, masks.blade, rng, on_leaf=blotched)
    if rng.random() < 0.25:
        image = paint_leaf(image, _litter(rng, size_px), rng, light)
    image = _lit(image, rng, light)
    image = _photographed(image, rng)
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _litter(rng: np.random.Generator, size_px: int) -> Masks:
    area = size_px**2 * rng.uniform(0.02, 0.06)
    return rasterise(_placed(grow(LITTER, rng), rng, size_px, area, drift=0.5), size_px)


def _placed(
    leaf: Leaf, rng: np.random.Generator, size_px: int, area_px: float, drift: float
) -> Leaf:
    """Return the leaf turned, foreshortened and scaled to an area, in pixels.

    The area, not the length, is what varies: a slender species must not be
    known by how little of the picture it covers.
    """
    turn, tilt = rng.uniform(0, 2 * np.pi, 2)
    squeeze = np.diag([1.0, rng.uniform(0.75, 1.0)])
    matrix = rotation(turn) @ rotation(tilt) @ squeeze @ rotation(-tilt)
    leaf = leaf.mapped(lambda line: line @ matrix.T)
    halves = leaf.left + leaf.right
    area = sum(abs(cv2.contourArea(half.astype(np.float32))) for half in halves)
    points = np.concatenate(halves)
    low, high = points.min(0), points.max(0)
    scale = min(np.sqrt(area_px / area), 1.05 * size_px / (high - low).max())
    centre = size_px * (0.5 + rng.uniform(-drift, drift, 2))
    return leaf.mapped(lambda line: (line - (low + high) / 2) * scale + centre)


def _lit(image: np.ndarray, rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    size_px = len(image)
    x, y = np.meshgrid(*[np.linspace(-0.5, 0.5, size_px, dtype=np.float32)] * 2)
    brightness = 1 + rng.uniform(0, 0.6) * (x * light[0] + y * light[1])
    if rng.random() < 0.5:
        dapple = 1 / (1 + np.exp(-rng.uniform(2, 9) * noise(rng, size_px, 3, 5)))
        brightness *= 1 - rng.uniform(0.2, 0.5) * dapple
    warmth = rng.normal(0, 0.09)
    tint = rng.uniform(0.85, 1.25) * np.array([1 + warmth, 1, 1 - warmth])
    return image * (brightness[..., None] * tint).astype(np.float32)


def _photographed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size_px = len(image)
    blur_px = size_px / 224 * rng.choice([0.0, 0.6, 1.0, 1.5], p=[0.4, 0.3, 0.2, 0.1])
    if blur_px:
        image = cv2.GaussianBlur(image, (0, 0), blur_px)
    image = image + rng.uniform(0, 0.03) * rng.standard_normal(image.shape, np.float32)
    image = np.clip(image, 0, 1) ** rng.uniform(0.85, 1.15)
    return (image * 255).round().astype(np.uint8)
