"""What a leaf may lie on: paper, soil, grass, wood, stone or cloth."""

import cv2
import numpy as np


def noise(rng: np.random.Generator, size_px: int, *cells: int) -> np.ndarray:
    """Return smooth noise, (size_px, size_px) in about [-1, 1], summed over grids."""
    total = np.zeros((size_px, size_px), np.float32)
    for rank, cell in enumerate(cells):
        grid = rng.uniform(-1, 1, (cell + 2, cell + 2)).astype(np.float32)
        large = cv2.resize(grid, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
        total += large * 0.6**rank
    return total


def draw_background(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Return one background, (size_px, size_px, 3), RGB in [0, 1], float32."""
    kinds = (_paper, _soil, _grass, _wood, _stone, _cloth)
    image = kinds[rng.integers(len(kinds))](rng, size_px)
    return np.clip(image, 0, 1).astype(np.float32)


def _tinted(brightness: np.ndarray, tint: np.ndarray) -> np.ndarray:
    return brightness[..., None] * tint.astype(np.float32)


def _paper(rng: np.random.Generator, size_px: int) -> np.ndarray:
    tint = rng.uniform(0.55, 0.95) + rng.normal(0, 0.06, 3)
    fibre = cv2.GaussianBlur(noise(rng, size_px, size_px // 2), (0, 0), 1.2, sigmaY=0.4)
    image = _tinted(1 + 0.06 * fibre + 0.05 * noise(rng, size_px, 2, 5), tint)
    if rng.random() < 0.4:
        gap = int(rng.integers(size_px // 14, size_px // 7))
        ink = rng.uniform(0.6, 0.9, 3).astype(np.float32)
        first = int(rng.integers(gap))
        image[first::gap] *= ink
        if rng.random() < 0.5:
            image[:, first::gap] *= ink
    return image


def _soil(rng: np.random.Generator, size_px: int) -> np.ndarray:
    tint = np.array([0.36, 0.27, 0.20]) * rng.uniform(0.7, 1.5) + rng.normal(0, 0.03, 3)
    rough = noise(rng, size_px, 6, 24, size_px // 4, size_px // 2)
    image = _tinted(np.clip(1 + 0.32 * rough, 0.2, 2), tint)
    for _ in range(int(rng.integers(15, 50))):
        middle = rng.integers(0, size_px, 2)
        axes = np.abs(rng.normal(0, size_px / 60, 2)) + 1.2
        shade = tint * rng.uniform(0.5, 1.9) + rng.normal(0, 0.02, 3)
        turn = rng.uniform(0, 180)
        for shift, colour in ((1.5, tint * 0.35), (0, shade)):
            box = ((middle + shift).tolist(), (axes * 2).tolist(), turn)
            cv2.ellipse(image, box, colour.tolist(), -1, cv2.LINE_AA)
    return image


def _grass(rng: np.random.Generator, size_px: int) -> np.ndarray:
    green = np.array([0.30, 0.45, 0.16]) * rng.uniform(0.7, 1.3)
    dry = np.array([0.62, 0.55, 0.30]) * rng.uniform(0.7, 1.2)
    dryness = rng.uniform(0, 0.8)
    image = np.full((size_px, size_px, 3), green * 0.35, np.float32)
    lean = rng.uniform(0, 2 * np.pi)
    for step in np.linspace(0.45, 1.1, 260):
        start = rng.uniform(-0.1, 1.1, 2) * size_px
        angle = lean + rng.normal(0, 0.7)
        reach = size_px * rng.uniform(0.12, 0.4)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]]) * rng.normal(0, 0.2)
        s = np.linspace(0, 1, 8)[:, None]
        blade = start + reach * (s * along + s * s * across)
        mix = np.clip(dryness + rng.normal(0, 0.2), 0, 1)
        colour = (green + (dry - green) * mix) * step * rng.uniform(0.75, 1.25)
        points = (blade * 16).astype(np.int32)
        thickness = int(rng.integers(1, 4))
        cv2.polylines(
            image, [points], False, colour.tolist(), thickness, cv2.LINE_AA, 4
        )
    return image


def _wood(rng: np.random.Generator, size_px: int) -> np.ndarray:
    tint = np.array([0.62, 0.44, 0.28]) * rng.uniform(0.55, 1.4) + rng.normal(
        0, 0.05, 3
    )
    x, y = np.meshgrid(*[np.linspace(0, 1, size_px, dtype=np.float32)] * 2)
    warp = noise(rng, size_px, 2, 3)
    rings = np.sin(2 * np.pi * rng.uniform(5, 14) * (y + 0.09 * warp * (0.4 + x)))
    grain = cv2.GaussianBlur(noise(rng, size_px, size_px // 2), (0, 0), 5, sigmaY=0.5)
    brightness = 1 + 0.10 * rings + 0.30 * grain + 0.05 * noise(rng, size_px, 3)
    plank = size_px // int(rng.integers(2, 5))
    for seam in range(int(rng.integers(plank)), size_px, plank):
        brightness[:seam] *= rng.uniform(0.88, 1.1)
        brightness[seam : seam + 2] *= 0.45
    image = _tinted(brightness, tint)
    return np.ascontiguousarray(np.rot90(image, int(rng.integers(4))))


def _stone(rng: np.random.Generator, size_px: int) -> np.ndarray:
    tint = rng.uniform(0.25, 0.75) + rng.normal(0, 0.035, 3)
    rough = noise(rng, size_px, 4, 12, 40, size_px // 2)
    image = _tinted(np.clip(1 + 0.16 * rough, 0.2, 2), tint)
    for _ in range(int(rng.integers(0, 4))):
        steps = rng.normal(0, size_px / 28, (26, 2)) + rng.normal(0, size_px / 28, 2)
        crack = rng.uniform(0, size_px, 2) + np.cumsum(steps, 0)
        points = (crack * 16).astype(np.int32)
        dark = (tint * 0.45).tolist()
        cv2.polylines(image, [points], False, dark, 1, cv2.LINE_AA, 4)
    return image


def _cloth(rng: np.random.Generator, size_px: int) -> np.ndarray:
    tint = rng.uniform(0.25, 0.85) + rng.normal(0, 0.09, 3)
    line = np.arange(size_px, dtype=np.float32)
    threads = rng.uniform(0.7, 1.5)
    warp, weft = np.sin(line * threads), np.sin(line * threads * 0.9)
    folds = noise(rng, size_px, 2, 4)
    brightness = 1 + 0.06 * warp + 0.06 * weft[:, None] + 0.12 * folds
    return _tinted(brightness + 0.05 * noise(rng, size_px, size_px // 2), tint)
