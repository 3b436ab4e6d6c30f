"""Learning rates by parts, checked against MMPretrain's own and by hand."""

import pytest
import torch
from freezing.conformance import CASES
from freezing.conformance import build as build_case
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.parts import model_parts


@pytest.fixture
def vit():
    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    return build(
        dict(type="VisionTransformer", arch=arch, img_size=32, patch_size=16),
        dict(type="VisionTransformerClsHead", num_classes=3, in_channels=16),
    )


@pytest.fixture
def mobilenet():
    return build(
        dict(type="MobileNetV2", widen_factor=0.25),
        dict(type="LinearClsHead", num_classes=3, in_channels=1280),
        dict(type="GlobalAveragePooling"),
    )


def build(backbone, head, neck=None):
    init_default_scope("mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them
    from mmpretrain.registry import MODELS

    model = dict(type="ImageClassifier", backbone=backbone, neck=neck, head=head)
    return MODELS.build(model)


def optimizer(model, constructor="mmleaves.FineTuneConstructor", **paramwise):
    import mmleaves.optim  # noqa: F401 - registers it

    settings = dict(
        optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
        constructor=constructor,
    )
    if paramwise:
        settings["paramwise_cfg"] = paramwise
    return build_optim_wrapper(model, settings).optimizer


def settings_of(model, optimizer):
    """Return rate and decay of every parameter that is in the optimiser, by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_without_settings_all_are_one_group_of_the_rate(mobilenet):
    (group,) = optimizer(mobilenet).param_groups
    assert group["lr"] == 1e-3
    assert len(group["params"]) == len(list(mobilenet.parameters()))


def test_what_is_frozen_is_not_in_the_optimiser(mobilenet):
    Freezer(mobilenet, "last:1").apply(0)
    found = settings_of(mobilenet, optimizer(mobilenet, head_lr_mult=10))
    assert found.keys() == {
        n for n, p in mobilenet.named_parameters() if p.requires_grad
    }


def test_the_classifier_learns_ten_times_as_fast(mobilenet):
    groups = optimizer(mobilenet, head_lr_mult=10).param_groups
    assert [(g["lr"], len(g["params"])) for g in groups] == [
        (1e-3, len(list(mobilenet.backbone.parameters()))),
        (pytest.approx(1e-2), 2),
    ]
    assert [group["name"] for group in groups] == ["stem to tail", "head"]


def test_layer_decay_of_a_vit_is_mmpretrains(vit):
    ours = settings_of(vit, optimizer(vit, layer_decay=0.65))
    theirs = optimizer(
        vit,
        "LearningRateDecayOptimWrapperConstructor",
        layer_decay_rate=0.65,
    )
    theirs = settings_of(vit, theirs)
    assert ours.keys() == theirs.keys()
    assert all(ours[name] == pytest.approx(theirs[name]) for name in ours)


def test_layer_decay_goes_by_stages_where_mmpretrain_has_none(mobilenet):
    found = settings_of(mobilenet, optimizer(mobilenet, layer_decay=0.5))
    rates = {name: rate for name, (rate, _) in found.items()}
    assert rates["head.fc.weight"] == rates["backbone.conv2.conv.weight"] == 1e-3
    assert rates["backbone.layer7.0.conv.0.conv.weight"] == 1e-3 / 2
    assert rates["backbone.layer1.0.conv.0.conv.weight"] == 1e-3 / 2**7
    assert rates["backbone.conv1.conv.weight"] == 1e-3 / 2**8


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer_decay_has_an_answer_for_every_backbone(case):
    """MMPretrain's own depths of a ResNet begin at 50 layers, and else raise."""
    model = build_case(case)
    try:
        found = settings_of(model, optimizer(model, layer_decay=0.5))
    except ValueError as refusal:
        assert "goes by stages, and those of" in str(refusal)
        return
    rates = {name: rate for name, (rate, _) in found.items()}
    assert all(rates[name] == 1e-3 for name in rates if name.startswith("head."))
    stages = [part for part in model_parts(model) if part.kind == "stage"]
    # Some have constants, which are in no optimiser.
    highest = [max(rates.get(n, 0) for n in part.parameters) for part in stages]
    assert highest == sorted(highest)
    assert highest[0] < highest[-1]


def test_mmengines_own_settings_multiply_with_ours(vit):
    found = settings_of(
        vit,
        optimizer(
            vit,
            head_lr_mult=10,
            norm_decay_mult=0.0,
            custom_keys=dict(head=dict(lr_mult=0.5, decay_mult=2.0)),
        ),
    )
    assert found["head.layers.head.weight"] == pytest.approx((5e-3, 0.1))
    assert found["backbone.layers.0.ln1.weight"] == (1e-3, 0.0)
    assert found["backbone.layers.0.attn.qkv.weight"] == (1e-3, 0.05)


def test_groups_of_another_decay_say_so(vit):
    groups = optimizer(vit, norm_decay_mult=0.0).param_groups
    assert [group["name"] for group in groups] == [
        "stem to head",
        "block 1 (layers.0) to tail, decay 0",
    ]


@pytest.mark.parametrize(
    ("paramwise", "message"),
    [
        (
            dict(layer_decay=1.5),
            r"layer_decay is 1.5, expected a number above 0 and up ",
        ),
        (dict(layer_decay=0), "layer_decay is 0, expected"),
        (dict(head_lr_mult=0), "head_lr_mult is 0, expected a number above 0"),
        (dict(branch_lr_mult=dict(left=2)), "names 'left'; the model has no branches"),
        (dict(branch_lr_mult=2), "branch_lr_mult is 2, expected a factor by each bra"),
        (dict(branch_lr_mult=False), "branch_lr_mult is False, expected a factor by "),
        (dict(branch_lr_mult=dict(a=-1)), "branch_lr_mult.a is -1, expected a number"),
        (dict(head_lr_mult="10"), "head_lr_mult is '10', expected a number above 0"),
        (dict(head_lr_mul=10), "'head_lr_mul', which nothing reads.*: head_lr_mult"),
    ],
)
def test_a_factor_that_is_none_is_refused(mobilenet, paramwise, message):
    with pytest.raises(ValueError, match=message):
        optimizer(mobilenet, **paramwise)


def test_a_frozen_parameter_is_not_decayed(mobilenet):
    Freezer(mobilenet, "classifier").apply(0)
    before = mobilenet.backbone.conv1.conv.weight.detach().clone()
    steps = optimizer(mobilenet)
    mobilenet.head.fc.weight.grad = torch.ones_like(mobilenet.head.fc.weight)
    steps.step()
    assert torch.equal(mobilenet.backbone.conv1.conv.weight, before)


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        (dict(type="VisionTransformer", pre_norm=True), "pre_norm.weight"),
        (dict(type="DistilledVisionTransformer"), "dist_token"),
        (
            dict(type="BEiTViT", use_shared_rel_pos_bias=True, use_rel_pos_bias=False),
            "rel_pos_bias.relative_position_bias_table",
        ),
    ],
    ids=["norm", "token", "positions"],
)
def test_layer_decay_takes_all_of_the_stem_for_the_first_depth(backbone, name):
    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    size = dict(arch=arch, img_size=32, patch_size=16)
    head = dict(type="LinearClsHead", num_classes=3, in_channels=16)
    model = build(backbone | size, head)
    rates = settings_of(model, optimizer(model, layer_decay=0.5))
    projection = rates["backbone.patch_embed.projection.weight"][0]
    assert rates[f"backbone.{name}"][0] == projection < rates["head.fc.weight"][0]
