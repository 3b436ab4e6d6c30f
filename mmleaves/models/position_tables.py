"""Resizing tables of relative positions, where SciPy no longer has what upstream needs.

MMPretrain fits BEiT's and Swin's tables to another image or window size by SciPy's
``interp2d``, which SciPy 1.14 removed; such a file could not be loaded.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from mmpretrain.models.backbones import beit, swin_transformer


def interpolated(
    x: Sequence[float], y: Sequence[float], z: np.ndarray, kind: str = "cubic"
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a bicubic spline through values on a grid, as ``interp2d`` did.

    Args:
        x: Where the columns of ``z`` lie, rising.
        y: Where its rows lie, rising.
        z: Values, (rows, columns).
        kind: ``"cubic"``, the only one that is used.

    Returns:
        What takes x and y of another grid, and gives the values on it, (rows, columns).
    """
    if kind != "cubic":
        raise ValueError(f"kind is {kind!r}, expected 'cubic'")
    # Hardly a run needs it, and it takes half a second to import.
    from scipy import interpolate

    spline = interpolate.RectBivariateSpline(y, x, z)
    return lambda new_x, new_y: spline(new_y, new_x)


@contextmanager
def _with_interp2d() -> Iterator[None]:
    from scipy import interpolate

    own = getattr(interpolate, "interp2d", None)
    interpolate.interp2d = interpolated
    try:
        yield
    finally:
        interpolate.interp2d = own


def mend_position_tables() -> None:
    """Let MMPretrain's BEiT and Swin resize tables with any SciPy."""
    for module in (beit, swin_transformer):
        resize = module.resize_relative_position_bias_table
        if not hasattr(resize, "__wrapped__"):
            module.resize_relative_position_bias_table = _with_interp2d()(resize)
