from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from mmleaves.registry import MODELS


def softmax_focal_loss(
    scores: Tensor, target: Tensor, *, gamma: float, class_weight: Tensor | None = None
) -> Tensor:
    """Return ``-w_t (1 - p_t) ** gamma log(p_t)`` of each image, p by softmax.

    Args:
        scores: Logits, (N, C).
        target: True classes, (N,), int64, or shares of the classes, (N, C), as Mixup
            gives them; then the shares' sum of it.
        gamma: How much less what is right already counts, 0 or more; 0 is
            cross-entropy.
        class_weight: w, (C,), or None for ones.

    Returns:
        Nats, (N,), 0 or more.

    References:
        Lin et al., Focal loss for dense object detection, ICCV 2017, equation 5, with
        the softmax of their section 3 for more than two classes.
    """
    log_probs = F.log_softmax(scores, dim=1)
    # At 0, a root of it has no gradient.
    wrong = (-log_probs.expm1()).clamp(min=torch.finfo(log_probs.dtype).tiny)
    losses = -(wrong**gamma) * log_probs
    if class_weight is not None:
        losses = losses * class_weight
    if target.dim() == 1:
        return losses.gather(1, target[:, None])[:, 0]
    return (losses * target).sum(1)


@MODELS.register_module()
class SoftmaxFocalLoss(nn.Module):
    """Focal loss for classes of which exactly one is right.

    Upstream's ``FocalLoss`` takes each class for a yes or no of its own, by sigmoid,
    while the classifier predicts by softmax, and weighs the right class (0.25) less
    than each wrong one (0.75).

    Args:
        gamma: See `softmax_focal_loss`.
        class_weight: One weight a class in label order, by class name, or ``"auto"``.
        loss_weight: Factor to the loss.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        class_weight: Sequence[float] | Mapping[str, float] | str | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(
                f"SoftmaxFocalLoss: gamma is {gamma}, expected 0 or more; 2 is usual."
            )
        self.gamma = gamma
        self.class_weight = class_weight
        self.loss_weight = loss_weight

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        **kwargs: object,
    ) -> Tensor:
        class_weight = self.class_weight
        if class_weight is not None:
            class_weight = torch.as_tensor(class_weight).to(cls_score)
        losses = softmax_focal_loss(
            cls_score, label, gamma=self.gamma, class_weight=class_weight
        )
        if weight is not None:
            losses = losses * weight
        return self.loss_weight * losses.sum() / (avg_factor or len(losses))
