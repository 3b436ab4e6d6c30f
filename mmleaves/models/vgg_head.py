from mmengine.model import Sequential
from mmpretrain.models.heads import LinearClsHead
from torch import Tensor, nn

from mmleaves.registry import MODELS


@MODELS.register_module()
class VGGHead(LinearClsHead):
    """The classifier of torchvision's VGG: 7x7 pooling, then three linear layers.

    MMPretrain's VGG has these layers in its backbone, where no head can be frozen or
    trained apart from the features, and takes images of 224 px alone.

    Input is the last of a tuple of (N, ``in_channels``, H, W), output (N,
    ``num_classes``). A map that is not 7x7 is averaged, or its values repeated, to 7x7.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the backbone's last map.
        hidden_channels: Width of the two hidden layers.
        dropout_rate: Dropout after each hidden layer.
        hidden: Options of the two hidden layers' ``Sequential``, such as its
            ``init_cfg``.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 512,
        *,
        hidden_channels: int = 4096,
        dropout_rate: float = 0.5,
        hidden: dict | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(num_classes, hidden_channels, **kwargs)
        self.pool = nn.AdaptiveAvgPool2d((7, 7))
        self.hidden = Sequential(
            nn.Linear(in_channels * 7 * 7, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout_rate),
            nn.Linear(hidden_channels, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout_rate),
            **(hidden or {}),
        )

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        return self.hidden(self.pool(feats[-1]).flatten(1))
