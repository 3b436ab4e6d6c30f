"""Many linear classifiers on the same features, trained at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# Of weights, as MMPretrain's LinearClsHead begins; biases begin at 0.
_INITIAL_STD = 0.01


@dataclass(frozen=True)
class HeadSettings:
    """What one of the classifiers is trained with.

    Args:
        rate: Learning rate, as the config's optimiser is given it: what a schedule
            makes of it in each iteration is for `LinearHeads.step`.
        weight_decay: As the optimiser takes it.
        seed: Of the initial weights and of the order of the images.
        class_weights: Weight of each class in the loss, in label order; None for ones.
    """

    rate: float
    weight_decay: float
    seed: int
    class_weights: tuple[float, ...] | None = None


class LinearHeads:
    """H linear classifiers, each with a rate, a decay and a seed of its own.

    One batched matrix product does the work of all. Each of them goes the way that it
    would go alone.

    Args:
        settings: Of each classifier, H of them.
        channels: D, the width of the features.
        classes: C.
        optimizer: ``"AdamW"`` or ``"SGD"``, with torch's defaults for what ``momentum``
            and ``betas`` do not say.
        momentum: Of SGD.
        betas: Of AdamW.
        eps: Of AdamW.
        label_smoothing: Share of the target that is spread over all classes, [0, 1).
    """

    def __init__(
        self,
        settings: Sequence[HeadSettings],
        channels: int,
        classes: int,
        *,
        optimizer: str = "AdamW",
        momentum: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        label_smoothing: float = 0.0,
    ) -> None:
        self.settings = settings
        self.weight = torch.stack(
            [
                torch.randn(
                    classes, channels, generator=torch.Generator().manual_seed(s.seed)
                )
                for s in settings
            ]
        ).mul_(_INITIAL_STD)
        self.bias = torch.zeros(len(settings), classes)
        # Kept, as memory for so many is slow to get anew for each batch.
        self.weight.grad = torch.zeros_like(self.weight)
        self.bias.grad = torch.zeros_like(self.bias)
        ones = (1.0,) * classes
        self._class_weights = torch.tensor([s.class_weights or ones for s in settings])
        self._smoothing = label_smoothing
        if optimizer == "AdamW":
            own = {"betas": betas, "eps": eps}
        else:
            own = {"momentum": momentum}
        # Each by itself: a rate and a decay belong to a group of parameters.
        self._optimizer = getattr(torch.optim, optimizer)(
            [
                {
                    "params": [_part(self.weight, i), _part(self.bias, i)],
                    "lr": s.rate,
                    "weight_decay": s.weight_decay,
                }
                for i, s in enumerate(settings)
            ],
            fused=True,
            **own,
        )

    def scores(self, features: Tensor) -> Tensor:
        """Return the scores of features that all classifiers see.

        Args:
            features: (N, D), or (H, N, D) for other ones of each.

        Returns:
            (H, N, C), before a softmax.
        """
        if features.ndim == 2:
            features = features.expand(len(self.settings), *features.shape)
        return torch.baddbmm(self.bias[:, None], features, self.weight.transpose(1, 2))

    def step(self, features: Tensor, labels: Tensor, rates: Tensor) -> Tensor:
        """Train each classifier on a batch of its own.

        Args:
            features: (H, N, D), float32.
            labels: (H, N), int64.
            rates: That the schedules have come to, (H,).

        Returns:
            The loss of each classifier, (H,).
        """
        scores = self.scores(features)
        log_probs = scores.log_softmax(dim=2)
        targets = F.one_hot(labels, scores.shape[2]).to(scores)
        targets = targets * (1 - self._smoothing) + self._smoothing / scores.shape[2]
        weighted = targets * self._class_weights[:, None]
        losses = -(weighted * log_probs).sum(2).mean(1)
        # By hand, as autograd would keep what is not needed.
        total = weighted.sum(2, keepdim=True)
        gradient = (total * log_probs.exp() - weighted) / labels.shape[1]
        torch.bmm(gradient.transpose(1, 2), features, out=self.weight.grad)
        torch.sum(gradient, 1, out=self.bias.grad)
        for group, rate in zip(
            self._optimizer.param_groups, rates.tolist(), strict=True
        ):
            group["lr"] = rate
        self._optimizer.step()
        return losses


def _part(parameter: Tensor, number: int) -> Tensor:
    """Return one classifier's part, which shares memory, that of the gradient too."""
    part = parameter[number]
    part.grad = parameter.grad[number]
    return part
