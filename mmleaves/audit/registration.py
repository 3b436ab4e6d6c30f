"""Whether two pictures are one: lay the one over the other and compare what is fine.

Two leaves on white, or two motorbikes, have the same coarse shapes; two copies of one
photograph have the same fine ones, everywhere. So the second is registered to the first
by an affine map that maximises their correlation (Evangelidis and Psarakis, Parametric
image alignment using enhanced correlation coefficient maximization, IEEE PAMI 2008),
and then the fine details are correlated in small windows (normalised cross-correlation,
Lewis, Fast template matching, 1995).
"""

import cv2
import numpy as np

# What still counts as the same picture: cropped by so much, at most, on either side.
LARGEST_ZOOM = 1.25
LARGEST_SHEAR = 0.1
LARGEST_SHIFT = 0.12  # of the side
SMALLEST_OVERLAP = 0.6  # of the area

# Grey levels of standard deviation; where a window has less, it has no details.
TEXTURE = 2.0
# The share of windows that may disagree, as where a watermark is.
TOLERATED = 0.15
STEPS = 30
# From this agreement on, the start is as good as it gets; below the other, the pictures
# differ: of planted copies, 99 % begin above it, and most pairs of other leaves below.
SETTLED, HOPELESS = 0.97, 0.3
SMOOTHING_PX = 3


def register(
    first: np.ndarray, second: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the map that lays ``second`` over ``first``, and how well they agree.

    Args:
        first: Grey picture, (S, S), float32, 0 to 255. If one picture is cropped from
            the other, it should be this one: from without, few registrations converge.
        second: The same of the other picture.
        start: Affine map to start from, right to about half a pixel.

    Returns:
        Affine map from places (x, y, 1) in ``first`` to places in ``second``, (2, 3),
        float32; and their `agreement` by it. It is ``start`` where there is no better.
    """
    at_start = agreement(first, second, start)
    if not HOPELESS < at_start < SETTLED:
        return start, at_start
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, 1e-4)
    try:
        _, warp = cv2.findTransformECC(
            *(first, second, start.copy(), cv2.MOTION_AFFINE, criteria),
            *(None, SMOOTHING_PX),
        )
    except cv2.error:  # It did not converge: the pictures differ, or one is flat.
        return start, at_start
    if not _is_slight(warp, first.shape[0]):
        return start, at_start
    value = agreement(first, second, warp)
    return (warp, value) if value > at_start else (start, at_start)


def rescaled(warp: np.ndarray, factor: float) -> np.ndarray:
    """Return a map of `register` for pictures whose sides are ``factor`` as long."""
    out = warp.copy()
    # Pixel centres are at whole numbers, so the corner of the picture is at -0.5.
    corner = out[:, :2] @ np.float32([-0.5, -0.5]) + out[:, 2] + 0.5
    out[:, 2] = corner * factor - 0.5 + out[:, :2] @ np.float32([0.5, 0.5])
    return out


def agreement(first: np.ndarray, second: np.ndarray, warp: np.ndarray) -> float:
    """Return how well the fine details agree where they agree worst.

    Args:
        first: Grey picture, (S, S), float32, 0 to 255.
        second: The same of the other picture.
        warp: Map from `register`.

    Returns:
        The correlation of fine details, those of about 2 to 8 pixels, in small windows:
        the value that all but 15 % of the windows with details exceed, -1 to 1; 0 if
        there are next to no details or next to no overlap.
    """
    side = first.shape[0]
    size, how = (side, side), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(
        np.ones_like(second), warp, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    overlap = inside > 0.999
    if overlap.mean() < SMALLEST_OVERLAP:
        return 0.0
    mask = cv2.erode(overlap.astype(np.uint8), np.ones((3, 3)), borderValue=0)
    details = [
        _fine(img) * mask
        for img in (first, cv2.warpAffine(second, warp, size, flags=how))
    ]
    window = max(6.5, side / 10) / 3.5
    power_a, power_b, shared = (
        cv2.GaussianBlur(a * b, (0, 0), window)
        for a, b in (
            (details[0], details[0]),
            (details[1], details[1]),
            (details[0], details[1]),
        )
    )
    textured = (mask > 0) & (np.maximum(power_a, power_b) > TEXTURE**2)
    if textured.sum() < 30:
        return 0.0
    local = shared[textured] / np.sqrt(power_a * power_b + 1e-6)[textured]
    return float(np.quantile(local, TOLERATED))


def grey(img: np.ndarray) -> np.ndarray:
    """Return the luma of ``img``, (H, W, 3), uint8, BGR, as (H, W), float32."""
    return cv2.cvtColor(img, cv2.COLOR_BGR2GRAY).astype(np.float32)


def _fine(img: np.ndarray) -> np.ndarray:
    # Standard deviations in pixels: what is finer is noise and compression.
    return cv2.GaussianBlur(img, (0, 0), 0.8) - cv2.GaussianBlur(img, (0, 0), 3.0)


def _is_slight(warp: np.ndarray, side_px: int) -> bool:
    (a, b, _), (c, d, _) = warp
    zooms = np.hypot(a, c), np.hypot(b, d)
    centre = np.float32([(side_px - 1) / 2, (side_px - 1) / 2, 1])
    shift = np.abs(warp @ centre - centre[:2]).max() / side_px
    return (
        all(1 / LARGEST_ZOOM < zoom < LARGEST_ZOOM for zoom in zooms)
        and abs(b) + abs(c) < LARGEST_SHEAR
        and shift < LARGEST_SHIFT
    )
