"""Small pictures that a page holds in itself."""

import base64

import cv2
import numpy as np


def data_uri(img: np.ndarray, *, side_px: int, quality: int = 95) -> str:
    """Return an image as a JPEG in a ``data:`` address.

    Args:
        img: Pixels, (H, W, 3), uint8, BGR.
        side_px: Length of the longer side.
        quality: JPEG quality, 0 to 100.
    """
    scale = side_px / max(img.shape[:2])
    size = [max(1, round(side * scale)) for side in img.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(img, size, interpolation=how)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
