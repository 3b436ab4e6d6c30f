from collections.abc import Sequence

import torch
from mmpretrain.models import ClsHead
from torch import Tensor, nn

from mmleaves.models.classifier_start import CLASSIFIER_START
from mmleaves.models.pooling import pooled
from mmleaves.registry import MODELS

WAYS = ("concat", "sum", "gates")


@MODELS.register_module()
class FusionClsHead(ClsHead):
    """Bring several feature vectors of an image together and classify it by them.

    The vectors come from ``mmleaves.TwoBranches``, ``mmleaves.CrossAttentionBranches``,
    or several stages of one backbone (``out_indices``). Maps and tokens are averaged
    over their positions.

    - ``"concat"`` joins them.
    - ``"sum"`` adds them.
    - ``"gates"`` adds them weighted, for each image anew: the weights are a softmax
      over a linear layer of all vectors.

    To be added, vectors of different widths are first projected, each by a linear layer
    without bias, to the smallest width.

    Args:
        in_channels: Width of each vector, in the backbone's order; two or more.
        how: One of the three ways above.
        num_classes: Number of classes; the runner fills it in.

    Raises:
        ValueError: If there is no such way, there is one vector only, or the backbone
            gives other vectors than ``in_channels`` says.

    References:
        Arevalo et al., Gated Multimodal Units for Information Fusion, 2017.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        *,
        how: str = "concat",
        init_cfg: dict | list[dict] | None = CLASSIFIER_START,
        **kwargs: object,
    ) -> None:
        super().__init__(init_cfg=init_cfg, **kwargs)
        if how not in WAYS:
            raise ValueError(
                f"found how={how!r}, expected one of {', '.join(map(repr, WAYS))}."
            )
        if len(in_channels) < 2:
            raise ValueError(
                f"found in_channels={tuple(in_channels)}, expected two or more, one "
                "for each vector. To classify by one, use LinearClsHead."
            )
        self.num_classes = num_classes
        self.in_channels = tuple(in_channels)
        self.how = how
        width = sum(in_channels) if how == "concat" else min(in_channels)
        if how != "concat" and len(set(in_channels)) > 1:
            self.projections = nn.ModuleList(
                nn.Linear(channels, width, bias=False) for channels in in_channels
            )
        if how == "gates":
            self.gate = nn.Linear(sum(in_channels), len(in_channels))
        self.fc = nn.Linear(width, num_classes)

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return one vector for each image, (N, C)."""
        vectors = self._vectors(feats)
        if self.how == "concat":
            return torch.cat(vectors, dim=1)
        weights = self._gates(vectors) if self.how == "gates" else None
        if hasattr(self, "projections"):
            pairs = zip(self.projections, vectors, strict=True)
            vectors = [project(vector) for project, vector in pairs]
        stacked = torch.stack(vectors, dim=1)
        if weights is not None:
            stacked = stacked * weights[..., None]
        return stacked.sum(dim=1)

    def gates(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the weight of each vector, (N, number of vectors), rows summing to 1.

        Raises:
            ValueError: If the head has no gates.
        """
        if self.how != "gates":
            raise ValueError(f"found how={self.how!r}, expected 'gates' to have gates.")
        return self._gates(self._vectors(feats))

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the score of each class, (N, number of classes)."""
        return self.fc(self.pre_logits(feats))

    def _gates(self, vectors: list[Tensor]) -> Tensor:
        return self.gate(torch.cat(vectors, dim=1)).softmax(dim=1)

    def _vectors(self, feats: tuple[Tensor, ...]) -> list[Tensor]:
        vectors = [pooled(part) for part in feats]
        found = tuple(vector.shape[1] for vector in vectors)
        if found != self.in_channels:
            raise ValueError(
                f"The backbone gives vectors of {found} channels, and the head has "
                f"in_channels={self.in_channels}. Set `model.head.in_channels` to "
                "the former."
            )
        return vectors
