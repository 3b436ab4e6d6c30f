from collections.abc import Mapping

from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor

from mmleaves.models.branches import build_branches, resized
from mmleaves.registry import MODELS


@MODELS.register_module()
class TwoBranches(BaseBackbone):
    """Two backbones of any kind side by side, which see the same image.

    It gives the last output of each, in the order of ``branches``;
    ``mmleaves.FusionClsHead`` brings them together.

    Args:
        branches: Config of each backbone by a name of choice, with its own weights in
            ``init_cfg``.
        sides_px: Shorter side, by branch, to which a branch has the image resized
            before it looks at it; without one it stays as it is.

    Raises:
        ValueError: If there are not two branches, or ``sides_px`` names another.
    """

    def __init__(
        self,
        branches: Mapping[str, dict],
        *,
        sides_px: Mapping[str, int] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.sides_px = dict(sides_px or {})
        self.branches = build_branches(branches, self.sides_px)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each branch makes of images, (N, 3, H, W)."""
        outputs = (
            branch(resized(x, self.sides_px.get(name)))
            for name, branch in self.branches.items()
        )
        # Most backbones give a tuple; the last item of a batch is not meant.
        return tuple(out if isinstance(out, Tensor) else out[-1] for out in outputs)
