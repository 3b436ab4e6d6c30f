import torch
from mmpretrain.models import ClsHead
from torch import Tensor, nn

from mmleaves.models.classifier_start import CLASSIFIER_START
from mmleaves.registry import MODELS


@MODELS.register_module()
class AttentionPoolingClsHead(ClsHead):
    """Classify by a mean over positions that is weighted by learned attention.

    The weight of a position is a softmax over its similarity to one learned query. The
    query begins at 0, hence the head as plain average pooling; it adds as many
    parameters as there are channels.

    Args:
        in_channels: Channels of the backbone's last map or tokens.
        num_classes: Number of classes; the runner fills it in.

    Raises:
        ValueError: If what comes in has no positions, as after a pooling neck.

    References:
        Lee et al., Set Transformer, ICML 2019: pooling by attention to a learned seed,
        here with one head and without projections.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        init_cfg: dict | list[dict] | None = CLASSIFIER_START,
        **kwargs: object,
    ) -> None:
        super().__init__(init_cfg=init_cfg, **kwargs)
        self.num_classes = num_classes
        self.query = nn.Parameter(torch.zeros(in_channels))
        self.fc = nn.Linear(in_channels, num_classes)

    def attention(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the weight of each position, (N, L), row by row, summing to 1."""
        tokens = _tokens(feats[-1])
        return (tokens @ self.query / len(self.query) ** 0.5).softmax(dim=1)

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return one vector for each image, (N, C)."""
        weights = self.attention(feats)
        return (weights[:, None] @ _tokens(feats[-1])).squeeze(1)

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the score of each class, (N, number of classes)."""
        return self.fc(self.pre_logits(feats))


def _tokens(features: Tensor) -> Tensor:
    if features.ndim == 4:
        return features.flatten(2).transpose(1, 2)
    if features.ndim == 3:
        return features
    raise ValueError(
        f"Attention pooling was given features of shape {tuple(features.shape)}, "
        "expected a map, (N, C, H, W), or tokens, (N, L, C). Set `model.neck` to None, "
        "and `out_type` of a ViT to 'raw'."
    )
