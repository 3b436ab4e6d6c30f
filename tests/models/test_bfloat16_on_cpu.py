"""What is slow in bfloat16 on a CPU is computed in another way, to the same end."""

import copy
import pickle

import pytest
import torch
from mmcv.cnn import ConvModule
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmleaves.models.bfloat16_on_cpu import quicken_bfloat16
from mmleaves.registry import MODELS


class Convolutions(TorchDispatchMode):
    """Notes each one's number format, and whether its gradients would be slow."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.convolution.default:
            images, weight, _, stride, *_, groups = args
            is_depthwise = groups == images.shape[1] > 1
            is_slow = is_depthwise and (max(stride) > 1 or max(weight.shape[2:]) > 3)
            self.seen.append((images.dtype, is_slow))
        return function(*args, **(kwargs or {}))


STRIDED = {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 8}


def depthwise(**layout):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, bias=False, **layout)
    quicken_bfloat16(conv)
    return conv


def images():
    torch.manual_seed(1)
    drawn = torch.randn(2, 8, 9, 9).to(memory_format=torch.channels_last)
    return drawn.bfloat16().requires_grad_()


@pytest.mark.parametrize(
    "layout", [STRIDED, {"kernel_size": 5, "padding": 2, "groups": 8}]
)
def test_gradients_are_those_of_float32(layout):
    conv, given = depthwise(**layout), images()
    with torch.autocast("cpu", torch.bfloat16):
        features = conv(given)
    assert features.dtype == torch.bfloat16
    towards = torch.randn_like(features)
    features.backward(towards)

    weight = conv.weight.detach().clone().requires_grad_()
    exact = given.detach().float().requires_grad_()
    layout = {k: v for k, v in layout.items() if k != "kernel_size"}
    nn.functional.conv2d(exact, weight, **layout).backward(towards.float())
    # Rounded to bfloat16 on its way, the weights' gradient would be off in the third
    # digit.
    torch.testing.assert_close(conv.weight.grad, weight.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(given.grad, exact.grad.bfloat16())


def test_those_that_are_fast_are_left_alone():
    model = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 7, stride=2, groups=2),
        nn.Conv2d(3, 8, 3, stride=2),
        nn.Conv2d(8, 8, 13, padding=6, groups=8),
    )
    quicken_bfloat16(model)
    assert not any("forward" in vars(conv) for conv in model)


@pytest.mark.parametrize("autocast", [False, True])
def test_in_evaluation_or_without_autocast_nothing_changes(autocast):
    conv = depthwise(**STRIDED)
    plain = nn.Conv2d(8, 8, bias=False, **STRIDED)
    plain.load_state_dict(conv.state_dict())
    conv.eval()
    given = images().detach() if autocast else images().float()
    with (
        torch.set_grad_enabled(not autocast),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        assert torch.equal(conv(given), plain(given))


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda conv: pickle.loads(pickle.dumps(conv))]
)
def test_a_copy_has_weights_of_its_own(copied):
    conv = depthwise(**STRIDED)
    other = copied(conv)
    nn.init.zeros_(other.weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert not other(images()).any()
        assert conv(images()).any()


def test_activations_behind_norms_are_not_in_place_and_give_the_same():
    init_default_scope("mmpretrain")
    torch.manual_seed(0)
    model = MODELS.build({"type": "MobileNetV2"})
    other = copy.deepcopy(model)
    quicken_bfloat16(other)
    modules = [m for m in other.modules() if isinstance(m, ConvModule)]
    activations = [m.activate for m in modules if m.with_activation]
    assert len(activations) == 35
    assert not any(activation.inplace for activation in activations)
    given = torch.randn(2, 3, 64, 64)
    (expected,), (found,) = model(given), other(given)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "settings",
    [{"order": ("act", "conv", "norm"), "norm_cfg": {"type": "BN"}}, {}],
    ids=["first", "without a norm"],
)
def test_an_activation_that_others_may_go_by_stays_in_place(settings):
    module = ConvModule(8, 8, 3, **settings)
    quicken_bfloat16(module)
    assert module.activate.inplace


@pytest.mark.parametrize(
    ("backbone", "count"),
    [
        ({"type": "MobileNetV2"}, 4),
        ({"type": "MobileNetV3", "arch": "small"}, 10),
        ({"type": "EfficientNet", "arch": "b0"}, 11),
        ({"type": "ConvNeXt", "arch": "atto"}, 12),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_all_that_are_slow_in_a_net_compute_in_float32(backbone, count):
    init_default_scope("mmpretrain")
    model = MODELS.build(backbone)
    model.train()
    quicken_bfloat16(model)
    with torch.autocast("cpu", torch.bfloat16), Convolutions() as ran:
        model(torch.randn(2, 3, 64, 64))
    assert [dtype for dtype, is_slow in ran.seen if is_slow] == count * [torch.float32]
    assert {dtype for dtype, is_slow in ran.seen if not is_slow} == {torch.bfloat16}


def test_gradient_checkpointing_changes_no_gradient():
    init_default_scope("mmpretrain")
    found = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = MODELS.build({"type": "MobileNetV2", "with_cp": with_cp})
        model.train()
        quicken_bfloat16(model)
        given = torch.randn(2, 3, 64, 64, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            (features,) = model(given)
        features.float().square().sum().backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_weights_of_another_format_are_left_to_autocast():
    conv = depthwise(**STRIDED).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        conv(images()).sum().backward()
    assert conv.weight.grad.dtype == torch.bfloat16
