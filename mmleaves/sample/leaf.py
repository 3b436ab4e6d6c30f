"""One leaf put together from its blades, as points."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mmleaves.sample.blade import half_outline, side_veins
from mmleaves.sample.species import Species


@dataclass
class Leaf:
    """Polygons and lines of one leaf, each (N, 2); y points from stalk to tip."""

    left: list[np.ndarray] = field(default_factory=list)
    right: list[np.ndarray] = field(default_factory=list)
    midribs: list[np.ndarray] = field(default_factory=list)
    veins: list[np.ndarray] = field(default_factory=list)
    stalks: list[np.ndarray] = field(default_factory=list)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> "Leaf":
        """Return the leaf with ``function`` applied to every array of points."""
        return Leaf(
            *([function(line) for line in lines] for lines in vars(self).values())
        )


def grow(species: Species, rng: np.random.Generator) -> Leaf:
    """Return one leaf of ``species``, with its own proportions and bends."""
    leaf = Leaf()
    for offset, turn_rad, scale in _placements(species, rng):
        _add_blade(leaf, species, rng, offset, turn_rad, scale)
    top = max(0.0, *(line[0, 1] for line in leaf.midribs))
    foot = -species.stalk * rng.uniform(0.6, 1.3)
    leaf.stalks.append(np.linspace((0, foot), (0, top), 30))
    bend = rng.normal(0, 0.13)
    sway = rng.normal(0, 0.05)
    reach = max(1.0, top)

    def bent(line: np.ndarray) -> np.ndarray:
        x, y = line.T
        return np.stack([x + bend * y * y / reach + sway * np.sin(4 * y / reach), y], 1)

    return leaf.mapped(bent)


def _placements(
    species: Species, rng: np.random.Generator
) -> list[tuple[tuple[float, float], float, float]]:
    """Return where each blade starts, its turn in radians and its scale."""
    count = species.blades
    if species.arrangement == "single":
        return [((0.0, 0.0), 0.0, 1.0)]
    if species.arrangement == "palmate":
        places = np.linspace(-1, 1, count)
        turns = np.deg2rad(species.spread_deg * rng.uniform(0.88, 1.1)) * places
        scales = species.falloff ** np.abs(places) ** 1.3
        outer_first = np.argsort(-np.abs(places), kind="stable")
        return [
            (
                (0.0, 0.0),
                turns[i] + rng.normal(0, 0.06),
                scales[i] * rng.normal(1, 0.05),
            )
            for i in outer_first
        ]
    pairs = (count - 1) // 2 + int(rng.integers(-1, 2)) * (count > 8)
    gap = 1.25 * species.width * rng.uniform(0.85, 1.2)
    lean = rng.uniform(0.9, 1.25)
    placed = [((0.0, pairs * gap + 0.1), 0.0, 1.0)]
    for pair in range(pairs):
        size = 0.8 + 0.25 * np.sin(np.pi * (pair + 0.6) / pairs)
        for side in (-1, 1):
            start = (0.0, gap * (pair + 0.4 + rng.normal(0, 0.06)))
            turn = side * lean + rng.normal(0, 0.08)
            placed.append((start, turn, size * rng.normal(1, 0.05)))
    return placed


def _add_blade(
    leaf: Leaf,
    species: Species,
    rng: np.random.Generator,
    offset: tuple[float, float],
    turn_rad: float,
    scale: float,
) -> None:
    curl = rng.normal(0, 0.07)
    width = species.width * rng.uniform(0.9, 1.1)
    base = species.base * rng.uniform(0.9, 1.1)
    tip = species.tip * rng.uniform(0.9, 1.1)
    teeth = max(0, species.teeth + int(rng.integers(-1, 2)) * (species.teeth > 3))
    depth = species.tooth_depth * rng.uniform(0.75, 1.25)

    def place(line: np.ndarray) -> np.ndarray:
        line = line + np.stack([curl * line[:, 1] ** 2, 0 * line[:, 1]], 1)
        return scale * line @ rotation(turn_rad) + offset

    midrib = np.stack([np.zeros(40), np.linspace(0, 0.97 - species.notch, 40)], 1)
    leaf.midribs.append(place(midrib))
    for side, halves in ((-1, leaf.left), (1, leaf.right)):
        half_width = side * width / 2 * rng.uniform(0.94, 1.06)
        edge = half_outline(species, base, tip, teeth, depth, phase=rng.uniform(0, 0.3))
        edge[:, 0] *= half_width
        halves.append(place(np.concatenate([edge, midrib[::-1]])))
        veins = side_veins(species, edge, midrib, teeth)
        leaf.veins += [place(vein) for vein in veins]


def rotation(angle_rad: float) -> np.ndarray:
    """Return the matrix, (2, 2), that turns points by an angle."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s], [s, c]])
