"""What the audit keeps of an image: hashes, form, and a thumbnail."""

import io
from dataclasses import dataclass
from hashlib import blake2b

import cv2
import numpy as np
from PIL import Image

from mmleaves.datasets.image_header import FORMATS
from mmleaves.transforms.load_image import decode_image

THUMBNAIL_PX = 32


@dataclass(frozen=True)
class ImageFacts:
    """What the audit keeps of an image.

    Attributes:
        content: Hash of the file's bytes, 16 bytes.
        pixels: Hash of the decoded pixels and their shape, 16 bytes.
        width_px: Width, upright.
        height_px: Height, upright.
        form: Format and colours as the header has them, such as ``"JPEG RGB"``.
        thumbnail: The image squeezed into a square, (32, 32, 3), uint8, BGR.
    """

    content: bytes
    pixels: bytes
    width_px: int
    height_px: int
    form: str
    thumbnail: np.ndarray


def image_facts(path: str, data: bytes, *, max_megapixels: float = 64) -> ImageFacts:
    """Return the facts of the image in ``data``, the bytes of ``path``.

    Raises:
        ValueError: If it is no whole image of 8 or 16 bits, or too large.
    """
    img = decode_image(path, data, max_megapixels=max_megapixels)
    with Image.open(io.BytesIO(data), formats=FORMATS) as header:
        form = f"{header.format} {header.mode}"
    height, width = img.shape[:2]
    digest = blake2b(repr(img.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(img))
    return ImageFacts(
        content=content_hash(data),
        pixels=digest.digest(),
        width_px=width,
        height_px=height,
        form=form,
        thumbnail=squeeze(img, THUMBNAIL_PX),
    )


def content_hash(data: bytes) -> bytes:
    """Return the 16 bytes that stand for a file's content: BLAKE2b, RFC 7693."""
    return blake2b(data, digest_size=16).digest()


def squeeze(img: np.ndarray, side_px: int) -> np.ndarray:
    """Return ``img``, (H, W, 3), as a square, (side_px, side_px, 3), uint8."""
    smaller = min(img.shape[:2]) >= side_px
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(img, (side_px, side_px), interpolation=how)


def shrunk(img: np.ndarray, side_px: int) -> np.ndarray:
    """Return ``img``, (H, W, 3), with neither side longer than ``side_px``, uint8."""
    height, width = (min(side, side_px) for side in img.shape[:2])
    if (height, width) == img.shape[:2]:
        return img
    return cv2.resize(img, (width, height), interpolation=cv2.INTER_AREA)
