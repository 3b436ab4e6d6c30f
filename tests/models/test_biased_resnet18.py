import pytest
import torch
from torch import nn
from torch.nn import functional

from mmleaves.models import BiasedResNet18
from mmleaves.models.biased_resnet18 import BiasedConv2d


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, as plain PyTorch writes it."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride == 2:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=2), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(
            y + (x if self.downsample is None else self.downsample(x))
        )


class Plain(nn.Module):
    """The network of experiments.md, 4.1, up to its pooling."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 2, stride=2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def test_it_is_the_network_that_the_notebook_describes():
    torch.manual_seed(0)
    plain = Plain()
    images = torch.randn(4, 3, 32, 32)
    plain(images)  # moves the statistics of BatchNorm away from 0 and 1
    ours = BiasedResNet18()
    ours.load_state_dict(plain.state_dict())
    plain.eval(), ours.eval()
    with torch.inference_mode():
        (features,) = ours(images)
        torch.testing.assert_close(features, plain(images), rtol=1e-5, atol=1e-5)
    assert features.shape == (4, 512, 1, 1)


def test_it_has_a_bias_more_than_resnet18_for_each_channel_of_a_convolution():
    # Torchvision's 11,689,512 without the 513,000 of its classifier. Biases: the stem,
    # then the four convolutions of each stage, then the three shortcuts.
    biases = 64 + 4 * (64 + 128 + 256 + 512) + 128 + 256 + 512
    count = sum(p.numel() for p in BiasedResNet18().parameters())
    assert count == 11_689_512 - 513_000 + biases


def test_the_stages_see_8_4_2_and_1_pixels_of_32():
    net = BiasedResNet18(out_indices=(0, 1, 2, 3))
    net.eval()  # upstream's returns nothing
    with torch.inference_mode():
        sides = [stage.shape[-1] for stage in net(torch.zeros(1, 3, 32, 32))]
    assert sides == [8, 4, 2, 1]


def test_frozen_stages_freeze_the_biases_too():
    net = BiasedResNet18(frozen_stages=1)
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert not any(name.startswith(("conv1", "bn1", "layer1")) for name in trained)
    assert "layer2.0.conv1.bias" in trained


def test_the_initial_weights_are_those_that_pytorch_draws():
    torch.manual_seed(0)
    net = BiasedResNet18()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.init_weights()  # as the runner does
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert net.layer4[1].bn2.weight.eq(1).all()
    conv = net.layer4[1].conv2
    # Both are uniform to 1 / sqrt(inputs of a sum), 512 * 3 * 3.
    bound = 1 / (512 * 9) ** 0.5
    for drawn in (conv.weight, conv.bias):
        assert 0.9 * bound < drawn.abs().max() <= bound


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (2, 2), (3, 3), (5, 4)])
@pytest.mark.parametrize(
    ("kernel", "padding"), [(3, 1), (1, 0), (5, 2), ((3, 1), (1, 0))]
)
def test_taps_on_padding_alone_are_left_out_and_nothing_else(
    kernel, padding, size, stride
):
    ours = BiasedConv2d(2, 3, kernel, stride=stride, padding=padding, bias=False)
    ours.double()
    ours.weight.data.normal_(), ours.bias.data.normal_()
    plain = nn.Conv2d(2, 3, kernel, stride=stride, padding=padding).double()
    plain.load_state_dict(ours.state_dict())
    images = torch.randn(4, 2, *size, dtype=torch.double, requires_grad=True)
    found = []
    for conv in (ours, plain):
        made = conv(images)
        wanted = [images, conv.weight, conv.bias]
        found.append([made, *torch.autograd.grad(made.sin().sum(), wanted)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"padding": 1, "padding_mode": "reflect"}, (1, 2, 2, 2)),
        ({"padding": 1, "padding_mode": "circular", "stride": 2}, (1, 2, 1, 1)),
        ({"padding": "same"}, (1, 2, 1, 1)),
        ({"padding": 2, "dilation": 2}, (1, 2, 1, 1)),
        ({"padding": 1}, (2, 1, 1)),
        ({"kernel_size": 1, "padding": 1, "stride": 5}, (1, 2, 1, 1)),
    ],
    ids=str,
)
def test_where_the_short_way_does_not_hold_it_is_not_taken(settings, shape):
    settings = {"kernel_size": 3} | settings
    ours, plain = BiasedConv2d(2, 3, **settings), nn.Conv2d(2, 3, **settings)
    plain.load_state_dict(ours.state_dict())
    images = torch.randn(shape)
    torch.testing.assert_close(ours(images), plain(images))


def test_a_trace_of_small_images_holds_for_larger_ones():
    net = BiasedResNet18().requires_grad_(False)
    net.eval()
    traced = torch.jit.trace(net, torch.randn(1, 3, 32, 32))
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(traced(images), net(images))
