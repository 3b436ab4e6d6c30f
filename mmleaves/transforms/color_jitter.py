import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mmleaves.registry import TRANSFORMS


def adjust_hue(img: np.ndarray, turns: float) -> np.ndarray:
    """Return ``img`` with every hue moved round the colour circle.

    Args:
        img: Image, (H, W, 3), uint8, BGR.
        turns: Part of the circle to move by, -0.5 to 0.5; red becomes green at 1/3.

    Returns:
        A new image of the same shape and type.
    """
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    # OpenCV's circle has 256 steps, where uint8 wraps as a circle should.
    hsv[..., 0] += np.uint8(round(256 * turns) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Change brightness, contrast, saturation and hue at random, in random order.

    MMPretrain's transform of this name, with ``backend="cv2"``, but for the hue: below
    0, MMCV 2.2.0 fails there on NumPy 2 (``OverflowError``), that is on every other
    image.

    **Required Keys:** ``img``, (H, W, 3), uint8, BGR.
    **Modified Keys:** ``img``.

    Args:
        brightness: The factor is drawn from 1 - brightness to 1 + brightness, not
            below 0.
        contrast: The same for the contrast.
        saturation: The same for the saturation.
        hue: The shift is drawn from -hue to hue, in turns of the colour circle, at
            most 0.5.

    Raises:
        ValueError: If a value is below 0, or ``hue`` above 0.5.
    """

    def __init__(
        self,
        *,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
    ) -> None:
        self.strengths = {
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "hue": hue,
        }
        for name, strength in self.strengths.items():
            limit = 0.5 if name == "hue" else float("inf")
            if not 0 <= strength <= limit:
                raise ValueError(
                    f"ColorJitter: {name} is {strength}, expected it between 0 and "
                    f"{limit:g}."
                )

    def transform(self, results: dict) -> dict:
        img = results["img"]
        for name, amount in self._changes():
            if name == "brightness":
                img = mmcv.adjust_brightness(img, amount, backend="cv2")
            elif name == "contrast":
                img = mmcv.adjust_contrast(img, amount, backend="cv2")
            elif name == "saturation":
                img = mmcv.adjust_color(img, amount, backend="cv2")
            else:
                img = adjust_hue(img, amount)
        return results | {"img": img}

    @cache_randomness
    def _changes(self) -> list[tuple[str, float]]:
        """Draw the changes that are not switched off, in the order to make them."""
        changes = []
        for name in np.random.permutation(list(self.strengths)).tolist():
            if strength := self.strengths[name]:
                centre = 0 if name == "hue" else 1
                amount = np.random.uniform(centre - strength, centre + strength)
                changes.append((name, amount if name == "hue" else max(0.0, amount)))
        return changes

    def __repr__(self) -> str:
        strengths = ", ".join(f"{name}={s}" for name, s in self.strengths.items())
        return f"{type(self).__name__}({strengths})"
