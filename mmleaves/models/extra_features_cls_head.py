from collections.abc import Sequence

import numpy as np
import torch
from mmpretrain.models import ClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmleaves.models.classifier_start import CLASSIFIER_START
from mmleaves.models.pooling import pooled
from mmleaves.registry import MODELS


@MODELS.register_module()
class ExtraFeaturesClsHead(ClsHead):
    """Classify by an image's features and a small vector of other features of it.

    Either goes through a linear layer and ReLU to a latent width of its own; the two
    are joined and classified. experiments.md, 5.8, gives these widths as 10/10, 10/50
    and 10/100; as it names the image first, the first is read as the image's.

    The other features, ``extra_features`` of a data sample, come from
    ``mmleaves.AttachFeatures``. They are standardised by mean and standard deviation of
    the training part, which ``mmleaves.StandardizeFeaturesHook`` finds and every
    checkpoint keeps.

    Args:
        in_channels: Width of the backbone's last features, averaged over positions.
        extra_channels: Number of other features.
        latent_channels: Latent width of the image's features, and of the others.
        num_classes: Number of classes; the runner fills it in.

    Raises:
        ValueError: If a data sample has no such features or another number of them, or
            they were never fitted.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        extra_channels: int,
        *,
        latent_channels: Sequence[int] = (10, 10),
        init_cfg: dict | list[dict] | None = CLASSIFIER_START,
        **kwargs: object,
    ) -> None:
        super().__init__(init_cfg=init_cfg, **kwargs)
        self.num_classes = num_classes
        self.extra_channels = extra_channels
        image_width, extra_width = latent_channels
        self.image_latent = nn.Linear(in_channels, image_width)
        self.extra_latent = nn.Linear(extra_channels, extra_width)
        self.fc = nn.Linear(image_width + extra_width, num_classes)
        # Not a number until fitted: features as they come would be of no use unnoticed.
        unknown = torch.full((extra_channels,), torch.nan)
        self.register_buffer("extra_mean", unknown)
        self.register_buffer("extra_std", unknown.clone())

    def pre_logits(self, feats: tuple[Tensor, ...], extra: Tensor) -> Tensor:
        """Return both latent vectors joined.

        Args:
            feats: The backbone's features; the last count.
            extra: The other features as they were read, (N, ``extra_channels``).
        """
        extra = (extra - self.extra_mean) / self.extra_std
        latent = (self.image_latent(pooled(feats[-1])), self.extra_latent(extra))
        return torch.cat(latent, dim=1).relu()

    def forward(self, feats: tuple[Tensor, ...], extra: Tensor) -> Tensor:
        """Return the score of each class, (N, number of classes)."""
        return self.fc(self.pre_logits(feats, extra))

    def loss(
        self,
        feats: tuple[Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: object,
    ) -> dict[str, Tensor]:
        scores = self(feats, self._extra(data_samples))
        return self._get_loss(scores, data_samples, **kwargs)

    def predict(
        self,
        feats: tuple[Tensor, ...],
        data_samples: list[DataSample] | None = None,
    ) -> list[DataSample]:
        scores = self(feats, self._extra(data_samples or []))
        return self._get_predictions(scores, data_samples)

    def _extra(self, data_samples: list[DataSample]) -> Tensor:
        if not data_samples or any("extra_features" not in s for s in data_samples):
            raise ValueError(
                "A data sample has no `extra_features`. Put mmleaves.AttachFeatures "
                "into the pipeline, and give PackInputs "
                "algorithm_keys=['extra_features']."
            )
        if self.extra_std.isnan().any():
            raise ValueError(
                "The extra features were never standardised. Put "
                "dict(type='mmleaves.StandardizeFeaturesHook') into `custom_hooks`, "
                "and train."
            )
        extra = np.stack([sample.extra_features for sample in data_samples])
        if extra.shape[1] != self.extra_channels:
            raise ValueError(
                f"An image has {extra.shape[1]} extra features, and the head has "
                f"extra_channels={self.extra_channels}. Set "
                f"`model.head.extra_channels={extra.shape[1]}`."
            )
        return torch.from_numpy(extra).to(self.extra_mean)
