import io
import sys
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmleaves.datasets.image_header import END_MARKERS, FORMATS, has_end, unreadable
from mmleaves.registry import TRANSFORMS

TO_DO = (
    "Copy or download it again, or take it out of the data set. `mmleaves check` finds "
    "all such files."
)


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Read an image file as upright 8-bit colour, or say what is wrong with it.

    The channels come in OpenCV's order, BGR, as everywhere in MMPretrain's pipelines;
    its data preprocessor hands RGB to the model when the config says ``to_rgb=True``.

    Greyscale, palette and CMYK images become colour; 16 bits are scaled to 8 by
    dropping the lower byte, not clipped; alpha is dropped, as Pillow's
    ``convert("RGB")`` does; an EXIF orientation is applied; of several frames or pages,
    the first is taken. A file that breaks off is never filled with grey. Bytes changed
    inside a JPEG's compressed data cannot be noticed, as the format has no checksum.

    **Required Keys:** ``img_path``, a local file. Without it, an ``img`` that is
    already there stays as it is: MMPretrain's inferencers bring their own.
    **Added Keys:** ``img``, (H, W, 3), uint8, BGR; ``img_shape`` and ``ori_shape``,
    (H, W).

    Args:
        max_megapixels: A file whose header announces more is not decoded, since a few
            kilobytes can announce gigabytes. Pillow's own limit, 179 megapixels, holds
            beyond it. A file larger than such an image ever is is not read.
        enough: How many pixels, height times width, and how long a shorter side are
            enough: a larger image is shrunk until it has just one of them, each pixel
            the mean of those that it covers. None to keep all.
        cache: Where decoded images are kept for all runs, as
            ``dict(folder=..., limit_bytes=...)``; the runner sets it from the config's
            ``image_cache``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, no image, damaged, truncated, too large, or of
            a pixel type other than 8 or 16 bits.
    """

    def __init__(
        self,
        *,
        max_megapixels: float = 64,
        enough: tuple[int, int] | None = None,
        cache: dict | None = None,
    ) -> None:
        self.max_megapixels = max_megapixels
        self.enough = enough
        self.cache = cache

    def transform(self, results: dict) -> dict:
        if "img" in results and "img_path" not in results:
            return results
        path = results["img_path"]
        if self.cache is None:
            img = self._read(path)
        else:
            # Deferred: a pipeline without it needs no LMDB.
            from mmleaves.cache.identity import code_of
            from mmleaves.cache.image_cache import read_through

            # Another decoder may give other pixels.
            how = f"{self!r} {code_of(type(self))} OpenCV {cv2.__version__}"
            img = read_through(
                path, lambda: self._read(path), seen_as=how, **self.cache
            )
        shape = img.shape[:2]
        return results | {"img": img, "img_shape": shape, "ori_shape": shape}

    def _read(self, path: str) -> np.ndarray:
        image = read_image(path, max_megapixels=self.max_megapixels)
        return image if self.enough is None else shrunk(image, *self.enough)

    def __repr__(self) -> str:
        """Return what the pixels depend on beside the file."""
        return (
            f"{type(self).__name__}(max_megapixels={self.max_megapixels}, "
            f"enough={self.enough})"
        )


def read_image(path: str | Path, *, max_megapixels: float = 64) -> np.ndarray:
    """Return the image at ``path`` as :class:`LoadImage` does, which see.

    Returns:
        The pixels, (H, W, 3), uint8, 0 to 255, BGR.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole image of 8 or 16 bits, or too large.
    """
    try:
        if problem := unreadable(Path(path).stat(), max_megapixels):
            raise ValueError(f"{path}: {problem} {TO_DO}")
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: there is no such file. Check the data folder that the config "
            "names, or take the image out of the data set."
        ) from None
    return decode_image(path, data, max_megapixels=max_megapixels)


def decode_image(
    path: str | Path, data: bytes, *, max_megapixels: float = 64
) -> np.ndarray:
    """Return the image in ``data``, the bytes of ``path``, as `read_image` does.

    Raises:
        ValueError: If it is no whole image of 8 or 16 bits, or too large.
    """
    if not data:
        raise ValueError(f"{path}: found 0 bytes, expected an image. {TO_DO}")

    kind = _format(path, data, max_megapixels)
    end = END_MARKERS.get(kind)
    damage = None
    # OpenCV 4 fills what a JPEG lacks with grey, so Pillow is asked first.
    if end is None or not data.endswith(end):
        damage = _damage(data)
    if damage is None and not has_end(data, kind):
        damage = "it breaks off before its end marker"
    img = None if damage else _decode(data, kind)
    if img is None and (damage := damage or _damage(data)):
        raise ValueError(
            f"{path}: found a damaged or truncated {kind} of {len(data)} bytes "
            f"({damage}), expected a whole image. {TO_DO}"
        )
    if img is None or img.dtype not in (np.uint8, np.uint16):
        found = "that OpenCV cannot decode" if img is None else f"of {img.dtype} pixels"
        raise ValueError(
            f"{path}: found a {kind} {found}, expected a whole image of 8 or 16 bits a "
            "channel. Open it with the program it is from and save it as an 8-bit PNG."
        )
    return _upper_bytes(img) if img.dtype == np.uint16 else img


def shrunk(image: np.ndarray, pixels: int, side: int) -> np.ndarray:
    """Return the image, shrunk until it has so many pixels or so short a side.

    Args:
        image: (H, W, 3), uint8.
        pixels: Height times width.
        side: The shorter one.
    """
    height, width = image.shape[:2]
    factor = max((pixels / (height * width)) ** 0.5, side / min(height, width))
    if factor >= 1:
        return image
    size = round(width * factor), round(height * factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _format(path: str | Path, data: bytes, max_megapixels: float) -> str:
    """Return Pillow's name of the format, from the header; refuse what is too large."""
    advice = "Scale the image down, or raise `max_megapixels` of LoadImage."
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            kind, (width, height) = header.format, header.size
    except Image.DecompressionBombError:
        limit = 2 * Image.MAX_IMAGE_PIXELS / 1e6
        raise ValueError(
            f"{path}: found a header that announces over {limit:.0f} megapixels, "
            f"expected at most {min(limit, max_megapixels):g}. {advice}"
        ) from None
    # Pillow's readers raise errors of any kind on damaged input.
    except Exception:
        raise ValueError(
            f"{path}: found {len(data)} bytes that begin with {data[:12]!r}, expected "
            f"a whole image, such as JPEG or PNG, of 8 or 16 bits a channel. {TO_DO}"
        ) from None
    if width * height > max_megapixels * 1e6:
        raise ValueError(
            f"{path}: found a header that announces {width}x{height} pixels, expected "
            f"at most {max_megapixels:g} megapixels. {advice}"
        )
    return kind


def _damage(data: bytes) -> str | None:
    """Return what Pillow, which decodes strictly, finds wrong, or None."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as img:
            img.load()
    except Exception as error:  # each of its plugins raises other types
        return str(error) or type(error).__name__
    return None


def _decode(data: bytes, kind: str) -> np.ndarray | None:
    """Return (H, W, 3), upright, BGR, of 8 bits or the file's own depth; or None."""
    flags = cv2.IMREAD_COLOR
    # OpenCV drops the lower byte of a PNG by itself. In a TIFF it would round, and make
    # something of floating-point numbers.
    if kind != "PNG":
        flags |= cv2.IMREAD_ANYDEPTH
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _upper_bytes(img: np.ndarray) -> np.ndarray:
    """Return the upper bytes of 16-bit pixels, within the memory of the pixels.

    At the limit of 64 megapixels, a copy beside them would take 192 MB more.
    """
    data = img.reshape(-1).view(np.uint8)
    upper = data[1 if sys.byteorder == "little" else 0 :: 2]
    for start in range(0, img.size, 1 << 20):
        # Where they overlap, NumPy copies a block before it writes it.
        data[start : min(start + (1 << 20), img.size)] = upper[
            start : start + (1 << 20)
        ]
    return data[: img.size].reshape(img.shape)
