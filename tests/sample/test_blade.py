import numpy as np
import pytest

from mmleaves.sample.blade import half_outline
from mmleaves.sample.species import Species

# With exponents of 0.5 the half width is 2 * sqrt(t * (1 - t)): half an ellipse.
ELLIPSE = Species(width=1.0, base=0.5, tip=0.5)


def outline(species: Species, teeth=0, depth=0.0) -> np.ndarray:
    return half_outline(species, species.base, species.tip, teeth, depth, phase=0)


def test_an_entire_margin_is_the_smooth_profile():
    x, y = outline(ELLIPSE).T
    np.testing.assert_allclose(x, 2 * np.sqrt(y * (1 - y)), atol=1e-12)
    assert (y[0], y[-1], x[0], x[-1]) == (0, 1, 0, 0)


@pytest.mark.parametrize("margin", ["serrate", "crenate", "lobed", "pointed"])
def test_a_margin_has_as_many_teeth_as_asked_for(margin):
    species = Species(width=1.0, base=0.5, tip=0.5, margin=margin)
    smooth, toothed = outline(ELLIPSE)[:, 0], outline(species, 6, 0.3)[:, 0]
    relief = toothed[1:-1] / smooth[1:-1]
    peaks = (relief[1:-1] > relief[:-2]) & (relief[1:-1] >= relief[2:])
    assert 5 <= peaks.sum() <= 6
    assert np.ptp(relief) == pytest.approx(0.3, rel=0.15)


def test_a_heart_reaches_back_and_a_notch_cuts_the_tip():
    heart = outline(Species(width=1.0, base=0.5, tip=0.5, heart=0.3))
    assert heart[:, 1].min() < -0.1
    notch = outline(Species(width=1.0, base=0.5, tip=0.5, notch=0.2))
    assert notch[-1, 1] == pytest.approx(0.8)
    assert notch[:, 1].max() > 0.9
