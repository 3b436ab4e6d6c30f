"""The invented species of the sample: what tells one leaf from another."""

from dataclasses import dataclass
from typing import Literal

Margin = Literal["entire", "serrate", "crenate", "lobed", "pointed"]
Arrangement = Literal["single", "palmate", "pinnate"]
Venation = Literal["pinnate", "parallel", "fan"]


@dataclass(frozen=True)
class Species:
    """What a leaf of one species looks like.

    Lengths are relative to the length of one blade, whose half width is
    ``t**base * (1 - t)**tip`` (scaled) at the height ``t`` above its base.

    Attributes:
        width: Widest part of the blade, teeth left out.
        base: Exponent at the base; below 0.5 is round, 1 and more is wedge-shaped.
        tip: Exponent at the tip; below 0.5 is blunt, above 1 is drawn out.
        margin: Kind of edge; ``lobed`` is rounded and ``pointed`` is spiny.
        teeth: Teeth or lobes on each side.
        tooth_depth: Depth of a tooth relative to the half width at its place.
        heart: How far the base reaches back beside the stalk.
        notch: Depth of the cut in the tip.
        venation: Pattern of the veins in one blade.
        veins: Side veins on each side.
        arrangement: One blade, blades from one point, or blades along a stalk.
        blades: Number of blades.
        spread_deg: Angle of the outermost blades of a palmate leaf.
        falloff: Length of the outermost blades relative to the middle one.
        stalk: Length of the stalk.
    """

    width: float
    base: float
    tip: float
    margin: Margin = "entire"
    teeth: int = 0
    tooth_depth: float = 0.0
    heart: float = 0.0
    notch: float = 0.0
    venation: Venation = "pinnate"
    veins: int = 7
    arrangement: Arrangement = "single"
    blades: int = 1
    spread_deg: float = 0.0
    falloff: float = 1.0
    stalk: float = 0.25


SPECIES: dict[str, Species] = {
    "acer_fictum": Species(
        width=0.50, base=0.55, tip=0.8, margin="pointed", teeth=4, tooth_depth=0.42,
        veins=4, arrangement="palmate", blades=5, spread_deg=112, falloff=0.55,
        stalk=0.6,
    ),
    "aesculus_septemplex": Species(
        width=0.32, base=1.5, tip=0.6, margin="serrate", teeth=20, tooth_depth=0.1,
        veins=10, arrangement="palmate", blades=7, spread_deg=122, falloff=0.6,
        stalk=0.6,
    ),
    "betula_fabulosa": Species(
        width=0.72, base=0.42, tip=1.1, margin="serrate", teeth=15, tooth_depth=0.19,
        veins=7, stalk=0.3,
    ),
    "cercis_commenticia": Species(
        width=1.08, base=0.45, tip=1.1, heart=0.4, venation="fan", veins=4, stalk=0.4,
    ),
    "fraxinus_serrata-ficta": Species(
        width=0.36, base=0.7, tip=1.0, margin="serrate", teeth=12, tooth_depth=0.2,
        veins=6, arrangement="pinnate", blades=7, stalk=0.5,
    ),
    "ginkgo_simulata": Species(
        width=1.45, base=1.05, tip=0.22, margin="crenate", teeth=9, tooth_depth=0.06,
        notch=0.26, venation="fan", veins=12, stalk=0.6,
    ),
    "ilex_mendax": Species(
        width=0.55, base=0.55, tip=0.6, margin="pointed", teeth=5, tooth_depth=0.4,
        veins=5, stalk=0.12,
    ),
    "magnolia_inventa": Species(
        width=0.48, base=0.75, tip=0.65, veins=10, stalk=0.15,
    ),
    "plantago_ignota": Species(
        width=0.50, base=0.65, tip=0.8, venation="parallel", veins=3, stalk=0.45,
    ),
    "populus_tremens-ficta": Species(
        width=0.98, base=0.42, tip=0.52, margin="crenate", teeth=9, tooth_depth=0.14,
        veins=4, stalk=0.55,
    ),
    "quercus_ficta": Species(
        width=0.62, base=0.95, tip=0.6, margin="lobed", teeth=4, tooth_depth=0.6,
        veins=4, stalk=0.12,
    ),
    "robinia_pseudo-ficta": Species(
        width=0.52, base=0.5, tip=0.5, veins=4, arrangement="pinnate", blades=13,
        stalk=0.5,
    ),
    "salix_imaginaria": Species(
        width=0.15, base=0.7, tip=0.95, margin="serrate", teeth=26, tooth_depth=0.12,
        veins=14, stalk=0.1,
    ),
    "trifolium_falsum": Species(
        width=0.82, base=0.85, tip=0.42, notch=0.14, veins=7, arrangement="palmate",
        blades=3, spread_deg=112, falloff=1.0, stalk=0.7,
    ),
}  # fmt: skip
