"""What each policy trains, counted by hand."""

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.report import format_report, freeze_report

HEAD = ["head.fc.bias", "head.fc.weight"]
WB = ("weight", "bias")


def build(backbone, head, neck=None):
    init_default_scope("mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them
    from mmpretrain.registry import MODELS

    model = dict(type="ImageClassifier", backbone=backbone, neck=neck, head=head)
    return MODELS.build(model)


@pytest.fixture
def mobilenet():
    return build(
        dict(type="MobileNetV2", widen_factor=0.25),
        dict(type="LinearClsHead", num_classes=3, in_channels=1280),
        dict(type="GlobalAveragePooling"),
    )


@pytest.fixture
def vit():
    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    return build(
        dict(type="VisionTransformer", arch=arch, img_size=32, patch_size=16),
        dict(type="VisionTransformerClsHead", num_classes=3, in_channels=16),
    )


def trained(model, setting, step=0):
    freezer = Freezer(model, setting)
    freezer.apply(step)
    found = {name for name, p in model.named_parameters() if p.requires_grad}
    assert found == freezer.trained(step)
    return found


def test_a_probe_trains_the_classifier_alone(mobilenet):
    assert sorted(trained(mobilenet, "classifier")) == HEAD


def test_all_trains_everything(mobilenet):
    assert len(trained(mobilenet, "all")) == len(list(mobilenet.parameters()))


def test_the_last_stages_come_with_what_follows_them(mobilenet):
    found = trained(mobilenet, "last:2")
    tops = {name.split(".")[1] for name in found if name.startswith("backbone.")}
    assert tops == {"layer6", "layer7", "conv2"}
    assert found >= set(HEAD)


def test_all_but_the_first_stages_freezes_the_stem_with_them(mobilenet):
    frozen = {name for name, _ in mobilenet.named_parameters()}
    frozen -= trained(mobilenet, "all-but-first:2")
    assert {name.split(".")[1] for name in frozen} == {"conv1", "layer1", "layer2"}


def test_all_but_all_stages_freezes_the_last_convolution_too(mobilenet):
    """MMPretrain's `frozen_stages=7` leaves `conv2` of a MobileNetV2 in training."""
    assert sorted(trained(mobilenet, "all-but-first:7")) == HEAD
    assert sorted(trained(mobilenet, "last:0")) == HEAD


def test_what_frozen_stages_freezes_is_frozen_in_the_report_too():
    """MMPretrain's MobileNetV2 follows it only once it is told to train."""
    model = build(
        dict(type="MobileNetV2", widen_factor=0.25, frozen_stages=7),
        dict(type="LinearClsHead", num_classes=3, in_channels=1280),
        dict(type="GlobalAveragePooling"),
    )
    freezer = Freezer(model, "all")
    freezer.apply(0)
    model.train()
    gradients = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert freezer.trained(0) == gradients.keys()
    trainable = freeze_report(freezer)["trainable"]
    assert trainable == sum(p.numel() for p in gradients.values())
    assert "backbone.layer1.0.conv.0.conv.weight" in freezer.frozen_tensors(0)


def test_a_tensor_of_two_names_is_trained_and_counted_by_either(mobilenet):
    early, late = (
        mobilenet.backbone.get_submodule(f"layer{n}.1.conv.1.bn") for n in (2, 3)
    )
    late.weight = early.weight
    freezer = Freezer(mobilenet, r"names:layer3\.1\.conv\.1\.bn\.weight")
    freezer.apply_ever_trained()
    assert early.weight.requires_grad
    head = sum(p.numel() for p in mobilenet.head.parameters())
    assert freeze_report(freezer)["trainable"] == early.weight.numel() + head


@pytest.mark.parametrize("setting", [None, 2, True])
def test_a_policy_that_is_no_text_is_refused(mobilenet, setting):
    with pytest.raises(ValueError, match="not a freeze policy, expected text, or a li"):
        Freezer(mobilenet, setting)


@pytest.mark.parametrize("stages", range(8))
def test_the_last_and_all_but_the_first_are_one_counted_from_two_ends(
    mobilenet, stages
):
    last = trained(mobilenet, f"last:{stages}")
    mobilenet.requires_grad_(True)
    assert last == trained(mobilenet, f"all-but-first:{7 - stages}")


def test_attention_is_queries_keys_values_and_output_with_their_biases(vit):
    found = trained(vit, "attention:1") - {"head.layers.head.weight"}
    attention = "backbone.layers.2.attn"
    assert found == {
        "head.layers.head.bias",
        *(f"{attention}.{layer}.{kind}" for layer in ("qkv", "proj") for kind in WB),
    }


def test_two_modules_of_attention_in_one_block_count_as_one_block():
    widths = dict(embed_dims_outer=64, embed_dims_inner=4)
    arch = dict(widths, num_layers=3, num_heads_outer=2, num_heads_inner=2)
    head = dict(type="LinearClsHead", num_classes=3, in_channels=64)
    tnt = build(dict(type="TNT", img_size=32, arch=arch), head)
    found = {name for name in trained(tnt, "attention:1") if "backbone" in name}
    assert {name.partition(".attn.")[0] for name in found} == {
        "backbone.layers.2.inner_block",
        "backbone.layers.2.outer_block",
    }


def test_norms_train_their_weights_and_biases_alone(vit):
    found = {name for name in trained(vit, "norms") if name.startswith("backbone")}
    layers = {f"layers.{i}.ln{k}" for i in range(3) for k in (1, 2)} | {"ln1"}
    assert found == {f"backbone.{layer}.{kind}" for layer in layers for kind in WB}


def test_biases_are_all_biases_and_nothing_else(vit):
    biases = {n for n, _ in vit.named_parameters() if n.endswith("bias")}
    assert trained(vit, "biases") == biases | {"head.layers.head.weight"}


def test_a_pattern_is_looked_for_in_the_whole_name(vit):
    found = trained(vit, r"names:layers\.[01]\.ffn")
    assert {n.split(".")[2] for n in found if n.startswith("backbone")} == {"0", "1"}
    assert all(".ffn." in name for name in found if name.startswith("backbone"))


def test_low_rank_updates_change_nothing_before_they_are_trained(vit):
    vit.eval()
    images = torch.rand(2, 3, 32, 32)
    before = vit(images)
    state = {name: value.clone() for name, value in vit.state_dict().items()}
    found = trained(vit, "lora:4")
    # Down to rank 4 and up again, for qkv and for proj, in each of 3 blocks.
    updates = {name for name in found if ".lora_" in name}
    assert len(updates) == 3 * 2 * 2
    sizes = dict(vit.named_parameters())
    assert sum(sizes[n].numel() for n in updates) == 3 * (4 * 16 + 48 * 4 + 2 * 4 * 16)
    assert found == updates | {"head.layers.head.weight", "head.layers.head.bias"}
    torch.testing.assert_close(vit(images), before)
    # And weights from before they were added can still be loaded.
    for parameter in vit.parameters():
        nn.init.constant_(parameter, 0.5)
    missing, unexpected = vit.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(".lora_" in name for name in missing)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("last:8", "'last:8', but MobileNetV2 has 7 stages: stage 1 \\(layer1\\), sta"),
        ("all-but-first:8", "but MobileNetV2 has 7 stages"),
        ("attention:1", "but MobileNetV2 has no blocks with self-attention"),
        ("lora:4", "changes self-attention, and MobileNetV2 has none"),
        (
            "names:layer9",
            "matches no parameter of MobileNetV2. Their names begin with ",
        ),
        ({"left": "all"}, "gives policies by branch to 'left'; the model has none"),
    ],
)
def test_what_a_backbone_cannot_follow_is_refused_with_what_there_is(
    mobilenet, setting, message
):
    with pytest.raises(ValueError, match=message):
        Freezer(mobilenet, setting)


def test_too_many_blocks_are_refused_with_those_there_are(vit):
    with pytest.raises(ValueError, match=r"VisionTransformer has 3 blocks with self-a"):
        Freezer(vit, "attention:4")


def test_stages_of_an_unknown_backbone_are_refused_and_the_rest_works():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)

    model = nn.Module()
    model.backbone, model.head = Own(), nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"those of Own are not known. Use names:PATT"):
        Freezer(model, "last:1")
    assert trained(model, "classifier") == {"head.weight", "head.bias"}
    model.requires_grad_(True)
    assert "backbone.one.weight" not in trained(model, "names:two")


def test_a_reversible_net_is_told_how_its_blocks_get_gradients():
    """Left alone, they would be trained by nothing, and nobody told."""
    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    settings = dict(type="RevVisionTransformer", arch=arch, img_size=32)
    head = dict(type="VisionTransformerClsHead", num_classes=3, in_channels=16)
    with pytest.raises(
        ValueError, match=r"Set no_custom_backward=True in model.backbone"
    ):
        Freezer(build(settings, head), "last:1")
    Freezer(build(settings, head), "classifier")
    Freezer(build(settings | dict(no_custom_backward=True), head), "last:1")


def test_a_norm_that_goes_by_the_batch_is_not_frozen(mobilenet):
    """Without statistics it gives an image another output in each batch."""
    norm = mobilenet.backbone.layer2[0].conv[0].bn
    norm.running_mean = norm.running_var = None
    norm.track_running_stats = False
    with pytest.raises(
        ValueError,
        match=r"freezes backbone\.layer2\.0\.conv\.0\.bn, a BatchNorm2d with track_",
    ):
        Freezer(mobilenet, "classifier")
    Freezer(mobilenet, "all")
    Freezer(mobilenet, "all-but-first:1")


def test_a_model_without_a_classifier_has_no_probe():
    model = nn.Module()
    model.backbone = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="epoch 0 on: the classifier of Module has no"):
        Freezer(model, "classifier")


def test_what_was_constant_before_stays_so_in_every_policy(mobilenet):
    constant = "backbone.conv1.conv.weight"
    dict(mobilenet.named_parameters())[constant].requires_grad_(False)
    assert constant not in trained(mobilenet, ["classifier", "all@1"], step=1)


def test_gradual_thaws_one_stage_more_every_so_many_epochs(vit):
    freezer = Freezer(vit, "gradual:2")
    assert [epoch for epoch, _ in freezer.steps] == [0, 2, 4, 6, 8]
    sizes = [len(names) for _, names in freezer.steps]
    assert sizes == sorted(set(sizes))
    assert [freezer.step(epoch) for epoch in range(10)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]
    assert "backbone.cls_token" in freezer.trained(4)


def test_statistics_are_fixed_wherever_the_weight_is_and_only_there(mobilenet):
    norms = [m for m in mobilenet.modules() if isinstance(m, nn.BatchNorm2d)]
    for setting, fixed in (("norms", 0), ("biases", len(norms)), ("all", 0)):
        mobilenet.requires_grad_(True)
        still = Freezer(mobilenet, setting).modules_in_eval(0)
        assert sum(norm in still for norm in norms) == fixed


def test_dropout_is_off_in_frozen_blocks_and_on_in_the_others():
    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    model = build(
        dict(type="VisionTransformer", arch=arch, img_size=32, drop_rate=0.1),
        dict(type="VisionTransformerClsHead", num_classes=3, in_channels=16),
    )
    still = set(Freezer(model, "last:1").modules_in_eval(0))
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and name.startswith("backbone"):
            assert (module in still) == (not name.startswith("backbone.layers.2"))


def test_the_report_sums_up_by_part_and_over_time(mobilenet):
    report = freeze_report(Freezer(mobilenet, ["classifier", "all@3"]))
    total = sum(p.numel() for p in mobilenet.parameters())
    assert report["total"] == total == sum(row["total"] for row in report["parts"])
    assert report["trainable"] == 1280 * 3 + 3
    (later,) = report["later"]
    assert (later["epoch"], later["trainable"]) == (3, total)
    lines = format_report(report).splitlines()
    assert lines[0].split() == ["part", "parameters", "trainable", "frozen"]
    assert lines[-4].split() == ["head", "3,843", "3,843", "0"]
    assert lines[-2].split() == ["sum", f"{total:,}", "3,843", f"{total - 3843:,}"]
    assert lines[-1] == f"After 3 epochs: {total:,} trainable, in stem … head."


@pytest.fixture
def two_branches():
    import mmleaves.models  # noqa: F401 - registers them

    arch = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
    branches = dict(
        conv=dict(type="MobileNetV2", widen_factor=0.25, out_indices=(7,)),
        blocks=dict(type="VisionTransformer", arch=arch, img_size=32, patch_size=16),
    )
    return build(
        dict(type="mmleaves.TwoBranches", branches=branches),
        dict(type="mmleaves.FusionClsHead", num_classes=3, in_channels=(1280, 16)),
    )


def test_each_branch_follows_its_own_policy(two_branches):
    found = trained(two_branches, dict(conv="classifier", blocks="last:1"))
    tops = {name.rpartition(".")[0] for name in found if "branches" in name}
    assert {name.split(".")[2] for name in tops} == {"blocks"}
    stages = {name.split(".", 3)[3].split(".")[0] for name in tops}
    assert stages == {"layers", "ln1"}
    assert "head.fc.weight" in found
    frozen = two_branches.backbone.branches["conv"]
    still = Freezer(two_branches, dict(conv="classifier", blocks="all"))
    assert frozen in still.modules_in_eval(0)
    assert two_branches.backbone not in still.modules_in_eval(0)


def test_one_policy_counts_the_stages_of_each_branch(two_branches):
    with pytest.raises(ValueError, match="but VisionTransformer has 3 blocks"):
        Freezer(two_branches, "last:5")
    found = trained(two_branches, "last:2")
    assert "backbone.branches.conv.layer6.0.conv.0.conv.weight" in found
    assert "backbone.branches.blocks.layers.1.ln1.weight" in found
    assert "backbone.branches.blocks.layers.0.ln1.weight" not in found


def test_a_policy_is_given_to_every_branch_or_to_all_at_once(two_branches):
    with pytest.raises(ValueError, match="to 'conv'; the model has the branches 'con"):
        Freezer(two_branches, dict(conv="all"))


def test_branches_thaw_at_their_own_times(two_branches):
    steps = dict(conv=["classifier", "all@4"], blocks=["classifier", "last:1@2"])
    freezer = Freezer(two_branches, steps)
    assert [epoch for epoch, _ in freezer.steps] == [0, 2, 4]
    first, second, third = (trained for _, trained in freezer.steps)
    assert first < second < third
    assert not any(".conv." in name and "branches.conv" in name for name in second)


def test_the_report_sums_up_by_branch(two_branches):
    report = freeze_report(Freezer(two_branches, dict(conv="all", blocks="classifier")))
    blocks = [row for row in report["parts"] if row.get("branch") == "blocks"]
    assert sum(row["trainable"] for row in blocks) == 0
    total = sum(row["total"] for row in blocks)
    lines = format_report(report).splitlines()
    assert ["all", "of", "blocks", f"{total:,}", "0", f"{total:,}"] in [
        line.split() for line in lines
    ]


def test_what_stands_beside_the_backbone_is_trained_in_every_policy(mobilenet):
    mobilenet.neck = nn.Conv2d(4, 4, 1)
    mobilenet.extra = nn.Linear(2, 2)
    found = trained(mobilenet, "classifier")
    assert found == {*HEAD, *(f"{m}.{k}" for m in ("neck", "extra") for k in WB)}
    names = [p["part"] for p in freeze_report(Freezer(mobilenet, "all"))["parts"]]
    assert {"neck", "extra", "head"} <= set(names)


def test_a_tensor_of_two_names_is_trained_and_proved_as_one():
    model = nn.Module()
    model.backbone, model.head = nn.Linear(2, 2), nn.Linear(2, 2)
    model.head.weight = model.backbone.weight
    freezer = Freezer(model, "classifier")
    freezer.apply(0)
    assert model.head.weight.requires_grad
    assert list(freezer.frozen_tensors(0)) == ["backbone.bias"]


def test_dropout_that_stands_apart_is_off_only_with_the_whole_trunk(vit):
    drop = vit.backbone.tail_drop = nn.Dropout(0.5)
    assert drop not in Freezer(vit, "all").modules_in_eval(0)
    assert drop in Freezer(vit, "classifier").modules_in_eval(0)


def test_a_pattern_need_not_match_in_both_branches(two_branches):
    found = trained(two_branches, r"names:branches\.blocks\.layers\.2")
    assert any("blocks.layers.2" in name for name in found)
    with pytest.raises(ValueError, match="matches no parameter"):
        Freezer(two_branches, "names:layers9")


def test_a_policy_whose_choice_the_model_keeps_fixed_is_refused():
    net = dict(type="ResNet", depth=18, norm_cfg=dict(type="BN", requires_grad=False))
    head = dict(type="LinearClsHead", num_classes=3, in_channels=512)
    model = build(net, head, dict(type="GlobalAveragePooling"))
    for setting in ("norms", "names:bn1", ["classifier", "norms@1"]):
        with pytest.raises(ValueError, match=r"chooses \d+ tensors of the backbone"):
            Freezer(model, setting)
    # Where some can be trained, they are.
    assert "backbone.layer4.0.conv1.weight" in Freezer(model, "last:1").trained(0)
    assert "backbone.layer4.0.bn1.weight" not in Freezer(model, "last:1").trained(0)
    net = dict(type="ResNet", depth=18, frozen_stages=4)
    model = build(net, head, dict(type="GlobalAveragePooling"))
    assert sorted(Freezer(model, "all").trained(0)) == HEAD
    with pytest.raises(ValueError, match=r"has all of them fixed"):
        Freezer(model, "last:1")


def test_a_global_response_norm_is_a_norm_with_a_bias():
    net = dict(type="ConvNeXt", arch="atto", use_grn=True, layer_scale_init_value=0.0)
    head = dict(type="LinearClsHead", num_classes=3, in_channels=320)
    model = build(net, head)
    names = [name for name, _ in model.named_parameters() if ".grn." in name]
    betas = {name for name in names if name.endswith(".beta")}
    assert len(names) == 2 * len(betas) == 24
    assert Freezer(model, "norms").trained(0).issuperset(names)
    trained = Freezer(model, "biases").trained(0)
    assert {name for name in names if name in trained} == betas
