"""Paint one leaf, as points, onto an image."""

from dataclasses import dataclass

import cv2
import numpy as np

from mmleaves.sample.backgrounds import noise
from mmleaves.sample.leaf import Leaf

OVERSAMPLING = 2
# Every species takes its colour from the whole of this range, RGB in [0, 1].
PALETTE = np.array(
    [
        [0.10, 0.27, 0.14],
        [0.20, 0.42, 0.13],
        [0.45, 0.60, 0.20],
        [0.86, 0.76, 0.22],
        [0.90, 0.52, 0.13],
        [0.78, 0.22, 0.12],
        [0.50, 0.10, 0.17],
        [0.45, 0.30, 0.18],
        [0.34, 0.22, 0.30],
        [0.42, 0.54, 0.50],
    ]
)


@dataclass
class Masks:
    """Coverage of each pixel by the parts of a leaf, each (H, W) in [0, 1]."""

    blade: np.ndarray
    right: np.ndarray
    veins: np.ndarray
    stalk: np.ndarray


def rasterise(leaf: Leaf, size_px: int) -> Masks:
    """Return the masks of a leaf whose points are pixels of a square image."""
    large = size_px * OVERSAMPLING
    extent = np.ptp(np.concatenate(leaf.midribs + leaf.stalks), 0).max()
    unit = OVERSAMPLING * np.clip(extent / size_px, 0.5, 1.2) * size_px / 224

    def fixed(line: np.ndarray) -> np.ndarray:
        return (line * OVERSAMPLING * 16).astype(np.int32)

    def canvas() -> np.ndarray:
        return np.zeros((large, large), np.uint8)

    def line(
        image: np.ndarray, points: np.ndarray, from_px: float, to_px: float
    ) -> None:
        pieces = np.array_split(np.arange(len(points) - 1), 4)
        for piece, thick in zip(pieces, np.linspace(from_px, to_px, 4), strict=True):
            part = fixed(points[piece[0] : piece[-1] + 2])
            width = max(1, round(thick * unit))
            cv2.polylines(image, [part], False, 255, width, cv2.LINE_8, 4)

    blade, right, veins, stalk = canvas(), canvas(), canvas(), canvas()
    for left_half, right_half in zip(leaf.left, leaf.right, strict=True):
        for half, side in ((left_half, 0), (right_half, 255)):
            cv2.fillPoly(blade, [fixed(half)], 255, cv2.LINE_8, 4)
            cv2.fillPoly(right, [fixed(half)], side, cv2.LINE_8, 4)
    for points in leaf.veins:
        line(veins, points, 1.1, 0.4)
    for points in leaf.midribs:
        line(veins, points, 2.2, 0.7)
    for points in leaf.stalks:
        line(stalk, points, 3.2, 2.2)
    cv2.bitwise_and(veins, blade, veins)
    small = [
        cv2.resize(mask, (size_px, size_px), interpolation=cv2.INTER_AREA)
        for mask in (blade, right, veins, stalk)
    ]
    return Masks(*(mask.astype(np.float32) / 255 for mask in small))


def leaf_colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour from the whole range of leaves, (3,), RGB in [0, 1]."""
    place = rng.uniform(0, len(PALETTE) - 1)
    knots = np.arange(len(PALETTE))
    colour = np.array([np.interp(place, knots, channel) for channel in PALETTE.T])
    return np.clip(colour * rng.uniform(0.8, 1.2) + rng.normal(0, 0.03, 3), 0.03, 0.95)


def paint_leaf(
    image: np.ndarray, masks: Masks, rng: np.random.Generator, light: np.ndarray
) -> np.ndarray:
    """Return ``image`` with the leaf on it, and its shadow under it.

    Args:
        image: (H, W, 3), RGB in [0, 1], float32.
        masks: Where the parts of the leaf are.
        rng: Source of colour, relief and shadow.
        light: Unit vector towards the light in the image, (2,), x and y.
    """
    size_px = len(image)
    cover = np.maximum(masks.blade, masks.stalk)
    drop = size_px * rng.uniform(0.008, 0.03)
    moved = np.float32([[1, 0, -drop * light[0]], [0, 1, -drop * light[1]]])
    shadow = cv2.warpAffine(cover, moved, (size_px, size_px))
    shadow = cv2.GaussianBlur(shadow, (0, 0), drop)
    image = image * (1 - rng.uniform(0.3, 0.65) * shadow[..., None])

    # The better of two: a leaf in the very colour of the soil is no fair question.
    behind = image.mean((0, 1))
    choices = [leaf_colour(rng), leaf_colour(rng)]
    other, main = sorted(choices, key=lambda colour: np.linalg.norm(colour - behind))
    patches = noise(rng, size_px, 3, 8, 20) * 0.5 + rng.uniform(-0.5, 0.5)
    patches = (np.clip(patches, 0, 1) * rng.uniform(0, 0.7))[..., None]
    colour = (main * (1 - patches) + other * patches).astype(np.float32)

    far = cv2.distanceTransform((masks.veins < 0.4).astype(np.uint8), cv2.DIST_L2, 3)
    far = np.minimum(far, 2 * size_px)  # without any vein, it is the largest float
    pillow = 1 - np.exp(-far * (224 / size_px) / 3.5)
    slope_x, slope_y = cv2.Sobel(pillow, -1, 1, 0), cv2.Sobel(pillow, -1, 0, 1)
    relief = cv2.GaussianBlur(-(slope_x * light[0] + slope_y * light[1]), (0, 0), 1)
    fold = (masks.right * 2 - 1) * rng.normal(0, 0.10)
    rim = cv2.GaussianBlur(masks.blade, (0, 0), size_px * 0.012)
    shade = 1 + 0.11 * relief + fold + 0.10 * noise(rng, size_px, 3, 6) * rng.random()
    shade += 0.35 * (rim - 1) + 0.035 * noise(rng, size_px, size_px // 3)
    colour = colour * shade[..., None]

    ink = main * rng.uniform(0.45, 0.7) if rng.random() < 0.4 else main * 0.5 + 0.4
    strength = (masks.veins * rng.uniform(0.35, 0.8))[..., None]
    colour = colour * (1 - strength) + ink.astype(np.float32) * strength
    wooden = (np.array([0.45, 0.36, 0.2]) * 0.5 + main * 0.5).astype(np.float32)
    image = _over(image, wooden * np.ones_like(image), masks.stalk)
    return _over(image, colour, masks.blade)


def _over(below: np.ndarray, above: np.ndarray, cover: np.ndarray) -> np.ndarray:
    return below + (above - below) * cover[..., None]
