import torch
from mmpretrain.models import ResNet
from torch import nn

from mmleaves.registry import MODELS


@MODELS.register_module()
class BiasedResNet18(ResNet):
    """A ResNet-18 for small images whose convolutions all have a bias.

    The network of experiments.md, 4.1: a 7x7 stem of stride 2 with padding 2, BatchNorm
    and ReLU, a 2x2 max-pool of stride 2 with padding 1, and four stages of two blocks,
    64, 128, 256 and 512 channels wide. From 32 px the stages make 8, 4, 2 and 1.

    The notebook leaves two things open. The shortcut of a block that halves the image
    is a 1x1 convolution with a bias, followed by BatchNorm, as in the paper's code and
    torchvision's. The initial weights are PyTorch's own, biases included, as in a
    plain `nn.Module`; with MMPretrain's (Kaiming's, biases of 0, each block's last
    BatchNorm at 0) it ends two points lower on CIFAR-10.

    Input is (N, 3, H, W), output a tuple of one (N, 512, H / 32, W / 32), rounded up.
    """

    def __init__(self, **kwargs: object) -> None:
        own = {"init_cfg": [], "zero_init_residual": False}
        super().__init__(18, **(own | kwargs))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # MMPretrain's blocks ask for none, whatever `conv_cfg` says.
                module.bias = nn.Parameter(torch.empty(module.out_channels))
                module.reset_parameters()
        # Again, for the biases that did not exist at the first time.
        self._freeze_stages()

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        super()._make_stem_layer(in_channels, stem_channels)
        self.conv1.padding = (2, 2)
        self.maxpool = nn.MaxPool2d(kernel_size=2, stride=2, padding=1)
