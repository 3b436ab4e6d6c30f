import cv2
from mmcv.transforms import BaseTransform

from mmleaves.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CLAHE(BaseTransform):
    """Raise local contrast, as is usual for ultrasound images.

    Contrast-limited adaptive histogram equalisation, of a colour image on its lightness
    alone (L of CIE Lab), so that hues stay.

    **Required Keys:** ``img``, (H, W), or (H, W, 3) in BGR, uint8.
    **Modified Keys:** ``img``.

    Args:
        clip_limit: No grey level counts more often than this multiple of the average
            before the excess is spread over all; 1 changes least.
        tiles: Number of tiles, down and across, that are equalised each by itself.

    Raises:
        ValueError: If ``clip_limit`` or ``tiles`` is not above 0.

    References:
        Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV,
        1994.
    """

    def __init__(
        self, *, clip_limit: float = 2.0, tiles: tuple[int, int] = (8, 8)
    ) -> None:
        if clip_limit <= 0 or min(tiles) < 1:
            raise ValueError(
                f"CLAHE: clip_limit is {clip_limit} and tiles {tuple(tiles)}, expected "
                "both above 0. Usual values are 2.0 and (8, 8)."
            )
        self.clip_limit = clip_limit
        self.tiles = tuple(tiles)

    def transform(self, results: dict) -> dict:
        img = results["img"]
        # OpenCV counts tiles across first. Its object can't be copied to a worker.
        clahe = cv2.createCLAHE(self.clip_limit, self.tiles[::-1])
        if img.ndim == 2:
            return results | {"img": clahe.apply(img)}
        lab = cv2.cvtColor(img, cv2.COLOR_BGR2LAB)
        lab[..., 0] = clahe.apply(lab[..., 0])
        return results | {"img": cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)}

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(clip_limit={self.clip_limit}, tiles={self.tiles})"
