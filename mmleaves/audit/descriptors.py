"""Short vectors by which pictures are found that may be the same.

The vector of a picture holds its lowest spatial frequencies, by the discrete cosine
transform (Ahmed, Natarajan and Rao, IEEE Trans. Computers 1974), as perceptual hashes
do (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010),
but in colour, not rounded to bits, and weighted by the root of the frequency: natural
images have little there (Field, JOSA A 1987), and it tells them apart.
"""

import numpy as np

LUMA, CHROMA = 8, 5  # frequencies u + v below these
CHROMA_WEIGHT = 1.5
# The picture cut to this share, in the middle, lies half way between a picture and
# one cropped by 5 %: one search finds both.
ZOOM = 0.975
# Grey levels of standard deviation, 0-255; below it there is nothing to compare.
PLAIN = 2.0

# Rows: B, G, R; columns: luma and two differences of colour (ITU-R BT.601).
YCC = np.float32([[0.114, 0.5, -0.081], [0.587, -0.331, -0.419], [0.299, -0.169, 0.5]])

# All ways to flip and turn a picture by quarters, by name: whether it is transposed,
# and then the signs of rows and columns flipped.
TURNS = {
    "": (False, False, False),
    "flipped left to right": (False, False, True),
    "flipped upside down": (False, True, False),
    "turned by 180 degrees": (False, True, True),
    "mirrored along the diagonal": (True, False, False),
    "turned by 90 degrees clockwise": (True, False, True),
    "turned by 90 degrees anticlockwise": (True, True, False),
    "mirrored along the other diagonal": (True, True, True),
}


def turned(img: np.ndarray, turn: str) -> np.ndarray:
    """Return ``img``, (H, W, 3), flipped or turned by the ``turn`` of ``TURNS``."""
    transposed, rows, columns = TURNS[turn]
    if transposed:
        img = img.transpose(1, 0, 2)
    return np.ascontiguousarray(img[:: -1 if rows else 1, :: -1 if columns else 1])


def turned_back(turn: str) -> str:
    """Return the turn that undoes ``turn``: itself, but for turns by 90 degrees."""
    clockwise = "turned by 90 degrees clockwise"
    anticlockwise = "turned by 90 degrees anticlockwise"
    return {clockwise: anticlockwise, anticlockwise: clockwise}.get(turn, turn)


def frequencies(thumbnails: np.ndarray, *, zoom: float = 1.0) -> np.ndarray:
    """Return the lowest frequencies of pictures.

    Args:
        thumbnails: (N, S, S, 3), uint8, BGR, S even.
        zoom: Share of the side that is looked at, in the middle.

    Returns:
        Coefficients of the orthonormal DCT-II at S/2 pixels, (N, 8, 8, 3), float32.
    """
    lowest = _lowest(thumbnails.shape[1], zoom)
    out = np.empty((len(thumbnails), LUMA, LUMA, 3), np.float32)
    for start in range(0, len(thumbnails), 4096):
        part = thumbnails[start : start + 4096].astype(np.float32) @ YCC
        out[start : start + 4096] = np.einsum(
            "us,nstc,vt->nuvc", lowest, part, lowest, optimize=True
        )
    return out


def vectors(coefficients: np.ndarray, turn: str = "") -> np.ndarray:
    """Return a unit vector a picture, of the picture flipped or turned by ``turn``.

    Args:
        coefficients: From `frequencies`, (N, 8, 8, 3).
        turn: Key of ``TURNS``.

    Returns:
        (N, 63), float32; the product of two is their similarity, -1 to 1.
    """
    transposed, rows, columns = TURNS[turn]
    if transposed:
        coefficients = coefficients.transpose(0, 2, 1, 3)
    u, v = np.mgrid[:LUMA, :LUMA]
    # Flipping an axis changes the sign of its odd frequencies, and nothing else.
    sign = np.where(rows & (u % 2 == 1), -1, 1) * np.where(
        columns & (v % 2 == 1), -1, 1
    )
    weight = sign * np.sqrt(np.hypot(u, v))
    luma, chroma = ((u + v < n) & (u + v > 0) for n in (LUMA, CHROMA))
    weighted = coefficients * weight[..., None].astype(np.float32)
    chosen = [
        weighted[..., 0][:, luma],
        CHROMA_WEIGHT * weighted[..., 1][:, chroma],
        CHROMA_WEIGHT * weighted[..., 2][:, chroma],
    ]
    out = np.concatenate(chosen, axis=1)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


def is_plain(coefficients: np.ndarray) -> np.ndarray:
    """Return which pictures have next to no contrast, (N,), bool."""
    contrast = coefficients.copy()
    contrast[:, 0, 0] = 0
    pixels = 2 * LUMA  # a side, at which the transform is orthonormal
    return np.sqrt((contrast**2).sum(axis=(1, 2, 3))) / pixels < PLAIN


def _lowest(side_px: int, zoom: float) -> np.ndarray:
    """Return the matrix that zooms, halves and transforms one axis, (8, side_px)."""
    places = (np.arange(side_px) - (side_px - 1) / 2) * zoom + (side_px - 1) / 2
    left = np.clip(np.floor(places).astype(int), 0, side_px - 2)
    share = places - left
    zoomed = np.zeros((side_px, side_px))
    zoomed[np.arange(side_px), left] = 1 - share
    zoomed[np.arange(side_px), left + 1] += share
    halved = zoomed.reshape(side_px // 2, 2, side_px).mean(axis=1)
    n = side_px // 2
    u, x = np.mgrid[:LUMA, :n]
    cosines = np.sqrt(2 / n) * np.cos(np.pi * (2 * x + 1) * u / (2 * n))
    cosines[0] /= np.sqrt(2)
    return (cosines @ halved).astype(np.float32)
