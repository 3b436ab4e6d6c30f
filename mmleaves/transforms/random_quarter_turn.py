import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mmleaves.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomQuarterTurn(BaseTransform):
    """Turn the image by 0, 90, 180 or 270 degrees, each equally likely.

    For leaves and other things without an up and a down. No pixel is interpolated or
    lost; height and width change places.

    **Required Keys:** ``img``, (H, W) or (H, W, C), any dtype.
    **Modified Keys:** ``img``; ``img_shape``, (H, W) after the turn.
    """

    def transform(self, results: dict) -> dict:
        img = np.ascontiguousarray(np.rot90(results["img"], self._quarter_turns()))
        return results | {"img": img, "img_shape": img.shape[:2]}

    @cache_randomness
    def _quarter_turns(self) -> int:
        return np.random.randint(4)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
