"""The edge and the veins of one blade, as points."""

import numpy as np

from mmleaves.sample.species import Species

POINTS_PER_SIDE = 320


def half_outline(
    species: Species, base: float, tip: float, teeth: int, depth: float, phase: float
) -> np.ndarray:
    """Return one side of a blade, (320, 2), from base to tip.

    Args:
        species: Gives the margin, the heart and the notch.
        base: Exponent at the base, as in ``Species``.
        tip: Exponent at the tip.
        teeth: Teeth or lobes on this side.
        depth: Their depth relative to the half width, which is 1 without them.
        phase: Shift of small teeth along the side, in teeth.
    """
    t = _heights()
    widest = base / (base + tip)
    x = t**base * (1 - t) ** tip / (widest**base * (1 - widest) ** tip)
    along = (teeth * t + phase * (teeth > 8)) % 1
    bump, forward, inset = np.zeros_like(t), 0.0, 0.0
    if species.margin == "serrate":
        bump, forward = along**1.3 * (t > 0.06), 0.35
    elif species.margin == "crenate":
        bump = np.sqrt(np.sin(np.pi * along)) * (t > 0.06)
    elif species.margin == "lobed":
        bump, inset = np.sin(np.pi * along) ** 0.6, 0.6
    elif species.margin == "pointed":
        bump = 1 - np.sin(np.pi * ((along + 0.5) % 1)) ** 0.6
        forward, inset = 0.35, 0.6
    y = t + forward * species.width * depth * bump * x
    x = x * (1 + depth * (bump - inset))
    y = y - species.heart * np.sin(np.pi * np.clip(x, 0, 1)) * (t < widest)
    y = y - species.notch * np.exp(-((x / 0.17) ** 2)) * (t > 0.6)
    return np.stack([x, y], 1)


def side_veins(
    species: Species, edge: np.ndarray, midrib: np.ndarray, teeth: int
) -> list[np.ndarray]:
    """Return the veins, each (N, 2), that run from the midrib to one edge."""
    s = np.linspace(0, 1, 24)[:, None]
    count = species.veins
    if species.venation == "parallel":
        inner = edge * [1, 0.96] + [0, 0.01]
        return [inner[::12] * [(k + 1) / (count + 1), 1] for k in range(count)]
    if species.venation == "fan":
        places = (np.linspace(0.25, 0.93, count) * (len(edge) - 1)).astype(int)
        picks = edge[places] * 0.93
        return [s * pick + [0.3 * pick[0], 0] * (s - s * s) for pick in picks]
    if species.margin in ("lobed", "pointed"):
        shift = 0.5 if species.margin == "lobed" else 0.0
        ends = (np.arange(teeth) + shift) / max(teeth, 1)
        ends = ends[ends > 0.05]
    else:
        ends = np.linspace(0.18, 0.92, count)
    # Where toothed blades grow together, veins near the base would cross.
    first = (
        0.3 if species.arrangement == "palmate" and species.margin == "pointed" else 0
    )
    veins = []
    for end in ends[ends > first]:
        tip = edge[np.searchsorted(_heights(), end)] * [0.93, 1]
        start = np.array([0, np.clip(end - 0.16 - 0.05 * end, 0.01, midrib[-1, 1])])
        curve = np.array([0, -0.035]) * (4 * s * (1 - s))
        veins.append(start + s * (tip - start) + curve)
    return veins


def _heights() -> np.ndarray:
    """Return heights from 0 to 1, dense at both ends, where edges turn fastest."""
    return (1 - np.cos(np.linspace(0, np.pi, POINTS_PER_SIDE))) / 2
