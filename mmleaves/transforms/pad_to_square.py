import cv2
from mmcv.transforms import BaseTransform

from mmleaves.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PadToSquare(BaseTransform):
    """Put the image in the middle of a square, so that resizing doesn't distort it.

    The square's side is the image's longer side. Where the missing rows or columns are
    odd in number, the bottom or the right gets one more. MMCV's
    ``Pad(pad_to_square=True)`` adds all of them there.

    **Required Keys:** ``img``, (H, W) or (H, W, 3), uint8.
    **Modified Keys:** ``img``; ``img_shape``, (H, W) after padding.

    Args:
        fill: Value of the new pixels, 0 to 255: one for all channels, or one for each
            in the image's own order, BGR. The default is the ImageNet mean, which is 0
            to a model that normalises with it.
    """

    def __init__(self, *, fill: int | tuple[int, int, int] = (104, 116, 124)) -> None:
        self.fill = fill

    def transform(self, results: dict) -> dict:
        img = results["img"]
        height, width = img.shape[:2]
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        bottom, right = side - height - top, side - width - left
        fill = [self.fill] * 3 if isinstance(self.fill, int) else list(self.fill)
        img = cv2.copyMakeBorder(
            img, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill
        )
        return results | {"img": img, "img_shape": img.shape[:2]}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(fill={self.fill})"
