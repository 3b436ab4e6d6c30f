"""The frozen beginning of a net, cut off: the rest cannot tell."""

import copy
import gc
import weakref

import pytest
import torch
from freezing.conformance import CASES, TIMM_CASES, build, images
from mmengine.registry import init_default_scope
from mmpretrain.models.utils import sparse_modules
from torch import nn

from mmleaves.cache.frozen_trunk import Features, FrozenTrunk
from mmleaves.freezing.freezer import Freezer
from mmleaves.models import BiasedResNet18
from mmleaves.models.branches import resized
from mmleaves.registry import MODELS

ALL = {case.name: case for case in (*CASES, *TIMM_CASES)}
POLICIES = ("classifier", "all-but-first:1", "last:1")
# Where a forward pass is of an unusual kind: activations that are shared (DenseNet,
# ConvMixer), padding within a convolution (EfficientNet), outputs with sizes in them
# (Swin, PCPVT), two streams (Conformer), class tokens (ViT).
IN_SUITE = (
    "ResNet",
    "MobileNetV2",
    "DenseNet",
    "ConvMixer",
    "EfficientNet",
    "PCPVT",
    "Conformer",
    "VisionTransformer",
)
# What is behind the border uses what is before it, past the module at the border.
NEEDS_MORE = {
    ("Conformer", "all-but-first:1"),
    ("xcit_nano_12_p16_224", "all-but-first:1"),
    ("xcit_nano_12_p16_224", "last:1"),
}

# Links patches that are near: by rounding, a few of them to others.
TOLERANCES = {"PyramidVig": 3e-3}

# Gives the pixels of each patch as rows, beside a row for each image.
ROWS_OF_THEIR_OWN = {("TNT", "all-but-first:1"), ("TNT", "last:1")}


class Classifier(nn.Module):
    """What the conformance cases build, with MMPretrain's name for the trunk."""

    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def extract_feat(self, inputs):
        return self.backbone(inputs)


def tensors(output):
    while not torch.is_tensor(output):
        output = output[-1]
    return output


def classifier(case):
    built = build(case)
    return Classifier(built.backbone, built.head)


def cut(case, policy):
    model = classifier(case)
    freezer = Freezer(model, policy)
    freezer.apply(0)
    model.train()
    freezer.hold(0)
    state = copy.deepcopy(model.state_dict())
    trunk = FrozenTrunk(model, freezer.frozen_modules(0), images(case, 0))
    freezer.hold(0)
    # To try it has changed nothing.
    assert all(torch.equal(state[name], t) for name, t in model.state_dict().items())
    return model, trunk


def check(case, policy):
    model, trunk = cut(case, policy)
    model.eval()
    batch = images(case, 1)
    with torch.no_grad():
        whole = tensors(model.extract_feat(batch))
    tolerance = TOLERANCES.get(case.name, 1e-4)
    assert_same(tensors(trunk.extract_feat(batch)), whole, tolerance)
    features = trunk.features(batch)
    assert not any(feature.requires_grad for feature in features)
    given = Features(features, tuple(batch.shape[1:]))
    assert_same(tensors(trunk.extract_feat(given)), whole, tolerance)
    with torch.no_grad():
        torch.testing.assert_close(tensors(model.extract_feat(batch)), whole)
    # One image of the two, by its row; sparse nets look up which pixels it is given.
    sparse = sparse_modules.SparseHelper
    sparse._cur_active = sparse._cur_active[1:]
    row = Features([f[1:] for f in features], given.image_shape)
    assert_same(tensors(trunk.extract_feat(row)), whole[1:], tolerance)


def assert_same(found, expected, tolerance):
    # Of the largest, as some nets with random weights give sums of large numbers.
    atol = tolerance * expected.abs().max().item()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=atol)


def check_or_refused(name, policy):
    if (name, policy) in ROWS_OF_THEIR_OWN:
        with pytest.raises(ValueError, match="expected a row for each of 2 images"):
            cut(ALL[name], policy)
        return
    if (name, policy) in NEEDS_MORE:
        with pytest.raises(ValueError, match="needs more than the output of backbone"):
            cut(ALL[name], policy)
        return
    check(ALL[name], policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", IN_SUITE)
def test_the_rest_of_a_net_cannot_tell(name, policy):
    check_or_refused(name, policy)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", sorted(set(ALL) - set(IN_SUITE)))
def test_the_rest_of_any_other_net_cannot_tell(name, policy):
    check_or_refused(name, policy)


def test_gradients_of_the_rest_are_those_of_the_whole():
    model, trunk = cut(ALL["ResNet"], "last:1")
    batch = images(ALL["ResNet"], 1)
    model.eval()  # BatchNorm over two images of 2x2 px magnifies the last digit
    found = []
    for extract in (model.extract_feat, trunk.extract_feat):
        model.zero_grad()
        tensors(extract(batch)).square().sum().backward()
        found.append({n: p.grad for n, p in model.named_parameters()})
    trained = {name for name, gradient in found[0].items() if gradient is not None}
    assert {name.split(".")[1] for name in trained} == {"layer4"}
    for name in trained:
        torch.testing.assert_close(found[1][name], found[0][name], rtol=1e-3, atol=1e-3)
    assert all(found[1][name] is None for name in set(found[1]) - trained)


def test_batchnorm_is_folded_where_it_follows_a_convolution():
    assert cut(ALL["ResNet"], "last:1")[1].folds
    assert not cut(ALL["VisionTransformer"], "last:1")[1].folds


class ReadTwice(nn.Module):
    """A convolution whose output goes to BatchNorm, and past it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images):
        found = self.conv(images)
        return self.norm(found) + found


def test_batchnorm_is_not_folded_where_the_convolution_is_read_past_it():
    backbone = ReadTwice()
    backbone(torch.randn(8, 3, 16, 16))  # moves the statistics of BatchNorm
    model = Classifier(backbone, nn.Linear(4, 2))
    model.eval().requires_grad_(False)
    frozen = ["backbone", "backbone.conv", "backbone.norm"]
    trunk = FrozenTrunk(model, frozen, torch.randn(2, 3, 16, 16))
    assert not trunk.folds
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(trunk.extract_feat(images), backbone(images))


class Activated(nn.Module):
    """Two convolutions, BatchNorms, and one activation that serves for all."""

    def __init__(self, activation, *, reads=None):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        # Of paths that are not dropped.
        self.kept = nn.Identity()
        self.activation, self.reads = activation, reads

    def forward(self, images):
        normed = self.norm1(self.conv1(images))
        if self.reads == "before":
            normed += images[:, :1, 1:-1, 1:-1]
        if self.reads == "norm":
            normed = normed + self.norm1(normed)
        first = self.activation(self.kept(normed))
        last = self.activation(self.norm2(self.conv2(first)))
        beside = normed if self.reads == "after" else first
        return self.activation(last + beside[:, :, 2:, 2:] - 1)


def activated(activation, **kwargs):
    backbone = Activated(activation, **kwargs)
    for _ in range(30):
        backbone(2 * torch.randn(8, 3, 16, 16))  # moves the statistics of BatchNorm
    # As good as linear for what it is tried with, not for what it is given.
    for norm in (backbone.norm1, backbone.norm2):
        nn.init.constant_(norm.bias, 2)
    model = Classifier(backbone, nn.Linear(4, 2))
    model.eval().requires_grad_(False)
    frozen = [name for name, _ in model.backbone.named_modules(prefix="backbone")]
    return backbone, FrozenTrunk(model, frozen, torch.rand(2, 3, 16, 16))


def activations_run(trunk, images):
    """Return how many activations are computed by themselves."""
    with torch.profiler.profile() as profile:
        trunk.features(images)
    names = ("aten::clamp_min", "aten::clamp", "aten::hardswish", "aten::silu")
    return sum(
        event.count
        for event in profile.key_averages()
        if event.key.removesuffix("_") in names
    )


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("kind", [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish])
def test_a_convolution_computes_the_activation_behind_its_norm(kind, inplace):
    backbone, trunk = activated(kind(inplace=inplace))
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(
        trunk.extract_feat(images), backbone(images), rtol=1e-4, atol=1e-5
    )
    # That of the sum is left.
    assert activations_run(trunk, images) == 1


@pytest.mark.parametrize(("reads", "left"), [("before", 2), ("after", 3), ("norm", 3)])
def test_it_does_not_where_the_norm_goes_elsewhere_too(reads, left):
    backbone, trunk = activated(nn.ReLU(), reads=reads)
    # A BatchNorm that is called for something else too is not folded.
    assert trunk.folds == (reads != "norm")
    images = 9 * torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(
        trunk.extract_feat(images), backbone(images), rtol=1e-4, atol=1e-4
    )
    assert activations_run(trunk, images) == left


def test_activations_are_computed_along_in_bfloat16_as_well():
    _, trunk = cut(ALL["MobileNetV2"], "classifier")
    batch = images(ALL["MobileNetV2"], 1)
    (exact,) = trunk.features(batch)
    with torch.autocast("cpu", torch.bfloat16):
        (rounded,) = trunk.features(batch)
        assert activations_run(trunk, batch) == 0
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).norm() < 0.02 * exact.norm()


def test_what_was_followed_keeps_no_features():
    model = classifier(ALL["MobileNetV2"])
    freezer = Freezer(model, "classifier")
    freezer.apply(0)
    freezer.hold(0)
    made = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            note = module.register_forward_hook
            note(lambda module, inputs, output: made.append(weakref.ref(output)))
    trunk = FrozenTrunk(model, freezer.frozen_modules(0), images(ALL["MobileNetV2"], 0))
    trunk.features(torch.rand(4, 3, 96, 96))
    gc.collect()
    assert len(made) > 400
    assert not any(output() is not None for output in made)


@pytest.mark.parametrize("kind", [nn.ReLU, nn.ReLU6])
def test_images_that_are_no_numbers_give_none(kind):
    backbone, trunk = activated(kind())
    images = torch.randn(4, 3, 16, 16)
    images[1, 0, 5, 5] = torch.nan
    found = trunk.extract_feat(images)
    assert torch.equal(found.isnan(), backbone(images).isnan())
    assert found[1].isnan().any() and not found[0].isnan().any()


def test_tensors_are_freed_as_soon_as_they_are_done_with():
    _, trunk = activated(nn.ReLU())
    gc.collect()
    gc.disable()
    try:
        trunk.features(torch.randn(4, 3, 16, 16))
        found = gc.collect()
    finally:
        gc.enable()
    assert found == 0


def test_images_of_another_size_take_their_own_course():
    model, trunk = cut(ALL["ResNet"], "last:1")
    model.eval()
    batch = torch.rand(3, 3, 96, 64)
    with torch.no_grad():
        whole = tensors(model.extract_feat(batch))
    torch.testing.assert_close(
        tensors(trunk.extract_feat(batch)), whole, rtol=1e-3, atol=1e-4
    )


def test_a_net_without_a_frozen_beginning_is_refused():
    with pytest.raises(ValueError, match="Nothing of ResNet is frozen before what is"):
        cut(ALL["ResNet"], "all")


class Scaled(nn.Module):
    """Two frozen layers, and between them a parameter of the net's own."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.eval().requires_grad_(False)

    def extract_feat(self, images):
        return self.pool(self.backbone(images) * self.scale).flatten(1)


def test_what_is_behind_a_trained_parameter_is_not_frozen():
    model = Scaled()
    frozen = ["backbone", "backbone.0", "pool"]
    assert FrozenTrunk(model, frozen, torch.rand(2, 3, 8, 8)).border == "pool"
    model.scale.requires_grad_(True)
    trunk = FrozenTrunk(model, frozen, torch.rand(2, 3, 8, 8))
    assert trunk.border == "backbone"
    trunk.extract_feat(torch.rand(2, 3, 8, 8)).sum().backward()
    assert model.scale.grad.abs().min() > 0


class PositionsFirst(nn.Module):
    """Gives tokens as (L, N, C), as `nn.MultiheadAttention` takes them."""

    def forward(self, images):
        return images.flatten(2).permute(2, 0, 1)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = PositionsFirst()
        self.last = nn.Linear(3, 3)
        self.eval()

    def extract_feat(self, images):
        return self.last(self.backbone(images)).mean(0)


def test_an_output_without_a_row_for_each_image_is_refused():
    with pytest.raises(ValueError, match=r"\[\(64, 2, 3\)\], expected a row for each"):
        FrozenTrunk(Tokens(), ["backbone"], torch.rand(2, 3, 8, 8))


@pytest.mark.parametrize(("tried", "run"), [(32, 32), (64, 32), (32, 64)])
def test_norms_are_folded_where_a_convolution_has_a_short_way(tried, run):
    backbone = BiasedResNet18()
    backbone.train()
    backbone(torch.randn(8, 3, 32, 32))  # moves the statistics of BatchNorm
    model = Classifier(backbone, nn.Linear(512, 2))
    freezer = Freezer(model, "classifier")
    freezer.apply(0)
    freezer.hold(0)
    names = freezer.frozen_modules(0)
    trunk = FrozenTrunk(model, names, torch.randn(2, 3, tried, tried))
    assert trunk.folds
    images = torch.randn(4, 3, run, run)
    model.eval()
    with torch.no_grad():
        expected = tensors(model.extract_feat(images))
    torch.testing.assert_close(
        tensors(trunk.extract_feat(images)), expected, rtol=1e-3, atol=1e-4
    )


def two_branches(weight):
    """A frozen branch beside one whose last BatchNorm lets ``weight`` of it through."""
    init_default_scope("mmpretrain")
    thin = dict(type="MobileNetV2", widen_factor=0.25)
    model = MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=dict(
                type="mmleaves.TwoBranches",
                branches=dict(left=dict(thin), right=dict(thin)),
                sides_px=dict(right=32),
            ),
            head=dict(
                type="mmleaves.FusionClsHead", in_channels=(1280, 1280), num_classes=3
            ),
        )
    )
    norm = model.backbone.branches["right"].conv2.bn
    nn.init.constant_(norm.weight, weight)
    nn.init.constant_(norm.bias, 1)
    return model


@pytest.mark.parametrize("weight", [1, 1e-9])
def test_a_branch_that_is_trained_gets_its_images_however_little_it_gives(weight):
    model = two_branches(weight)
    freezer = Freezer(model, dict(left="classifier", right="all"))
    freezer.apply(0)
    with pytest.raises(ValueError, match="needs more than the output of backbone"):
        FrozenTrunk(model, freezer.frozen_modules(0), torch.randn(2, 3, 64, 64))


class Resizing(Classifier):
    def extract_feat(self, inputs):
        return self.backbone(resized(inputs, 32))


def test_stand_ins_for_images_can_be_resized_where_features_are_bfloat16():
    built = build(ALL["MobileNetV2"])
    model = Resizing(built.backbone, built.head).eval()
    freezer = Freezer(model, "last:1")
    freezer.apply(0)
    images = torch.randn(2, 3, 64, 64)
    trunk = FrozenTrunk(model, freezer.frozen_modules(0), images)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = trunk.features(images)
        assert features[0].dtype == torch.bfloat16
        cut = tensors(trunk.extract_feat(Features(features, (3, 64, 64))))
        whole = tensors(model.extract_feat(images))
    torch.testing.assert_close(cut.float(), whole.float(), rtol=0.05, atol=0.05)
