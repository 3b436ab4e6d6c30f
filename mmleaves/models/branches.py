"""What models of two branches share: how they are built, and what each one sees."""

from collections.abc import Mapping

from mmengine.model import ModuleDict
from mmpretrain.registry import MODELS
from torch import Tensor
from torch.nn.functional import interpolate


def build_branches(
    branches: Mapping[str, dict], sides_px: Mapping[str, int]
) -> ModuleDict:
    """Build two backbones, by name.

    Args:
        branches: Config of each backbone, by a name of choice.
        sides_px: Side to which a branch's image is resized; checked only.

    Raises:
        ValueError: If there are not two, a name cannot be a module's, or a side belongs
            to no branch.
    """
    if len(branches) != 2:
        raise ValueError(
            f"`branches`: found {len(branches)} ({', '.join(branches)}), expected 2, "
            "each a backbone by its name, such as branches=dict(texture=dict("
            "type='ResNet', depth=50), shape=dict(type='VisionTransformer'))."
        )
    for name in branches:
        if not name.isidentifier() or hasattr(ModuleDict, name):
            raise ValueError(
                f"`branches`: found the name {name!r}, expected a word of letters, "
                "digits and underscores that is no method of a dict. Choose another."
            )
    for name, side_px in sides_px.items():
        if name not in branches or side_px < 1:
            raise ValueError(
                f"`sides_px`: found {name}={side_px}, expected one of the branches "
                f"{', '.join(branches)} and a side above 0. Correct it."
            )
    return ModuleDict({name: MODELS.build(cfg) for name, cfg in branches.items()})


def resized(images: Tensor, side_px: int | None) -> Tensor:
    """Return images, (N, 3, H, W), whose shorter side is ``side_px``; None keeps it."""
    shape = images.shape[-2:]
    if side_px is None or side_px == min(shape):
        return images
    size = [round(length * side_px / min(shape)) for length in shape]
    # Smoothed first, as every image library does when it makes one smaller.
    return interpolate(images, size, mode="bilinear", antialias=True)
