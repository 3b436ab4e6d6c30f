"""Many linear classifiers on the same features, trained at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class HeadSettings:
    """What one of the classifiers is trained with.

    Args:
        rate: Learning rate at the highest.
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
        init_std: Standard deviation of the initial weights; biases begin at 0.
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
        init_std: float = 0.01,
    ) -> None:
        self.settings = settings
        self.weight = torch.stack(
            [
                torch.randn(
                    classes, channels, generator=torch.Generator().manual_seed(s.seed)
                )
                for s in settings
            ]
        ).mul_(init_std)
        self.bias = torch.zeros(len(settings), classes)
        self._rates = torch.tensor([s.rate for s in settings])
        self._decays = torch.tensor([s.weight_decay for s in settings])
        ones = (1.0,) * classes
        self._class_weights = torch.tensor([s.class_weights or ones for s in settings])
        self._smoothing = label_smoothing
        update = {"AdamW": _AdamW(betas, eps), "SGD": _SGD(momentum)}
        self._update = update[optimizer]

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

    def step(self, features: Tensor, labels: Tensor, factor: float) -> Tensor:
        """Train each classifier on a batch of its own.

        Args:
            features: (H, N, D), float32.
            labels: (H, N), int64.
            factor: Share of each rate that the schedule has come to.

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
        gradients = gradient.transpose(1, 2) @ features, gradient.sum(1)
        rates = self._rates * factor
        self._update((self.weight, self.bias), gradients, rates, self._decays)
        return losses


class _AdamW:
    """Decoupled weight decay, as torch.optim.AdamW (Loshchilov and Hutter, 2019)."""

    def __init__(self, betas: tuple[float, float], eps: float) -> None:
        self._betas, self._eps = betas, eps
        self._means: list[Tensor] = []
        self._squares: list[Tensor] = []
        self._steps = 0

    def __call__(
        self,
        parameters: Iterable[Tensor],
        gradients: Sequence[Tensor],
        rates: Tensor,
        decays: Tensor,
    ) -> None:
        if not self._means:
            self._means = [torch.zeros_like(g) for g in gradients]
            self._squares = [torch.zeros_like(g) for g in gradients]
        self._steps += 1
        first, second = self._betas
        for parameter, gradient, mean, square in zip(
            parameters, gradients, self._means, self._squares, strict=True
        ):
            rate, decay = _of_each(rates, parameter), _of_each(decays, parameter)
            parameter.mul_(1 - rate * decay)
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            root = (square / (1 - second**self._steps)).sqrt_().add_(self._eps)
            parameter.sub_(rate / (1 - first**self._steps) * mean / root)


class _SGD:
    """Weight decay in the gradient, and momentum, as torch.optim.SGD."""

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self._buffers: list[Tensor] = []

    def __call__(
        self,
        parameters: Iterable[Tensor],
        gradients: Sequence[Tensor],
        rates: Tensor,
        decays: Tensor,
    ) -> None:
        first = not self._buffers
        for i, (parameter, gradient) in enumerate(
            zip(parameters, gradients, strict=True)
        ):
            gradient = gradient + _of_each(decays, parameter) * parameter
            if first:
                self._buffers.append(gradient.clone())
            else:
                self._buffers[i].mul_(self._momentum).add_(gradient)
            parameter.sub_(_of_each(rates, parameter) * self._buffers[i])


def _of_each(values: Tensor, parameter: Tensor) -> Tensor:
    return values.view(-1, *(1,) * (parameter.ndim - 1))
