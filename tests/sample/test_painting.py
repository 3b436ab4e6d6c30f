import warnings

import numpy as np

from mmleaves.sample.painting import Masks, paint_leaf


def test_a_leaf_of_which_no_vein_can_be_seen_is_painted_without_a_warning():
    """As of a leaf on the ground that lies beside the picture."""
    grey = np.full((32, 32, 3), 0.5, np.float32)
    nothing = np.zeros((32, 32), np.float32)
    blade = nothing.copy()
    blade[8:24, 8:24] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        painted = paint_leaf(
            grey,
            Masks(blade, nothing, nothing, nothing),
            np.random.default_rng(0),
            np.array([1.0, 0.0]),
        )
    assert np.isfinite(painted).all()
    assert (painted[16, 16] != grey[16, 16]).any()
