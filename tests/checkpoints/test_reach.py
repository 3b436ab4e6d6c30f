"""Weights that do not reach a backbone are refused, not left out without a word."""

import re
import shutil

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.model.weight_init import PretrainedInit
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpretrain.models import MobileNetV2, VisionTransformer
from mmpretrain.registry import MODELS
from tool_runs import ROOT, check, run_tool
from torch import nn

from mmleaves.checkpoints.init_files import files_must_reach_trunk
from mmleaves.checkpoints.reach import must_reach_trunk
from mmleaves.freezing.freezer import Freezer

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
SMALL = {"type": "MobileNetV2", "widen_factor": 0.25}


VIT = {
    "type": "VisionTransformer",
    "arch": {
        **{"embed_dims": 16, "num_layers": 2, "num_heads": 2},
        "feedforward_channels": 32,
    },
    **{"img_size": 32, "patch_size": 16, "out_type": "featmap"},
}
DISTILLED = VIT | {"type": "DistilledVisionTransformer"}
VISFORMER = {"type": "TIMMBackbone", "model_name": "visformer_tiny"}
BEIT = VIT | {"type": "BEiTViT", "use_rel_pos_bias": True}


def build(backbone=SMALL, channels=1280, classes=2):
    init_default_scope("mmpretrain")
    head = {"type": "LinearClsHead", "num_classes": classes, "in_channels": channels}
    return MODELS.build(
        {
            "type": "ImageClassifier",
            "backbone": backbone,
            "neck": {"type": "GlobalAveragePooling"},
            "head": head,
        }
    )


def save(model, path, prefix=""):
    state = {f"{prefix}{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state}, path)
    return str(path)


def load(model, file, setting="all"):
    parts = Freezer(model, setting).parts
    with must_reach_trunk(model, parts, f"load_from={file}"):
        load_checkpoint(model, file, strict=False)


def test_another_classifier_on_the_same_trunk_is_what_fine_tuning_begins_with(tmp_path):
    before = build(classes=5)
    file = save(before, tmp_path / "before.pth")
    model = build(classes=2)
    head = model.head.fc.weight.detach().clone()
    load(model, file)
    assert torch.equal(
        model.backbone.conv1.conv.weight, before.backbone.conv1.conv.weight
    )
    assert torch.equal(model.head.fc.weight, head)


def test_low_rank_layers_are_not_in_the_file(tmp_path):
    file = save(build(VIT, 16), tmp_path / "vit.pth")
    model = build(VIT, 16)
    load(model, file, "lora:2")
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("other", "channels", "prefix", "found"),
    [
        ({"type": "ResNet", "depth": 18}, 512, "", "0 of 260"),
        (SMALL | {"widen_factor": 0.5}, 1280, "", r"[1-9]\d* of 260"),
        (SMALL, 1280, "model.", "0 of 260"),
    ],
)
def test_a_file_of_another_net_is_refused(tmp_path, other, channels, prefix, found):
    file = save(build(other, channels), tmp_path / "other.pth", prefix)
    with pytest.raises(
        ValueError,
        match=rf"load_from=.*other\.pth has values for {found} weights and BatchNorm",
    ):
        load(build(), file)


RESNET = {"type": "ResNet", "depth": 18}
SAM = VIT | {
    **{"type": "ViTSAM", "arch": VIT["arch"] | {"global_attn_indexes": [1]}},
    **{"img_size": 64, "out_channels": 16, "window_size": 2},
}


@pytest.mark.parametrize(
    ("backbone", "channels", "lacks"),
    [
        (SMALL, 1280, "conv2.conv.weight"),
        ({"type": "EfficientNet", "arch": "b0"}, 1280, "layers.6.conv.weight"),
        (SAM, 16, "channel_reduction.0.weight"),
        (RESNET, 512, "layer1.0.bn1.running_mean"),
        (RESNET, 512, "layer1.0.bn1.running_var"),
        (VIT, 16, "cls_token"),
        (DISTILLED, 16, "dist_token"),
        (VISFORMER, 384, "timm_model.pos_embed1"),
        (VIT, 16, "pos_embed"),
    ],
    ids=lambda given: given["type"] if isinstance(given, dict) else str(given),
)
def test_a_file_that_lacks_one_tensor_of_the_backbone_is_refused(
    tmp_path, backbone, channels, lacks
):
    state = build(backbone, channels).state_dict()
    del state[f"backbone.{lacks}"]
    file = str(tmp_path / "lacks.pth")
    torch.save({"state_dict": state}, file)
    told = rf"for (\d+) of (\d+) weights .* it has none for 'backbone\.{lacks}'\."
    with pytest.raises(ValueError, match=told) as error:
        load(build(backbone, channels), file)
    filled, wanted = map(int, re.search(told, str(error.value)).groups())
    assert filled == wanted - 1
    with pytest.raises(ValueError, match=told):
        begin(backbone, channels, pretrained(file))


class WithPrompt(VisionTransformer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for name in ("prompt", "prompt_tokens", "prompt_pos", "reg_token"):
            setattr(self, name, nn.Parameter(torch.ones(1, 2, 16)))


@pytest.mark.parametrize("lacks", ["ln1.", "prompt", "reg_token"])
def test_what_is_new_in_a_backbone_a_file_may_lack(tmp_path, lacks):
    model = build(VIT, 16)
    model.backbone = WithPrompt(**{k: v for k, v in VIT.items() if k != "type"})
    state = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    gone = {name for name in state if name.startswith(f"backbone.{lacks}")}
    kept = {name: tensor for name, tensor in state.items() if name not in gone}
    before = {name: model.state_dict()[name].clone() for name in gone}
    torch.save({"state_dict": kept}, tmp_path / "lacks.pth")
    load(model, str(tmp_path / "lacks.pth"))
    assert gone
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, (before | kept)[name]), name


def convnext(of_timm_alone):
    """Return a timm net, as MMPretrain's classifier has it or as timm's own."""
    if not of_timm_alone:
        return build({"type": "TIMMBackbone", "model_name": "convnextv2_atto"}, 320)
    init_default_scope("mmpretrain")
    net = {"type": "TimmClassifier", "model_name": "convnextv2_atto", "num_classes": 2}
    return MODELS.build(net)


@pytest.mark.parametrize("of_timm_alone", [False, True])
def test_a_file_of_timm_may_lack_the_norm_in_its_head(of_timm_alone, tmp_path):
    """As those of ConvNeXt V2 that were pretrained without labels do."""
    state = convnext(of_timm_alone).state_dict()
    gone = {name for name in state if "head.norm." in name}
    assert gone
    file = tmp_path / "lacks.pth"
    torch.save({n: tensor for n, tensor in state.items() if n not in gone}, file)
    model = convnext(of_timm_alone)
    load(model, str(file))
    (stem,) = (name for name in state if name.endswith("stem.0.weight"))
    assert torch.equal(model.state_dict()[stem], state[stem])


def pretrained(file, prefix="backbone."):
    return {"type": "Pretrained", "checkpoint": file, "prefix": prefix}


def begin(backbone, channels, init):
    model = build(backbone | {"init_cfg": init}, channels)
    with files_must_reach_trunk(model, Freezer(model, "all").parts):
        model.init_weights()
    return model


@pytest.mark.parametrize(
    ("backbone", "channels", "tensors"),
    [
        (SMALL, 1280, 260),
        ({"type": "MobileNetV3", "arch": "small_075"}, 432, 206),
        (VIT, 16, 28),
        (BEIT, 16, 35),
        ({"type": "CSPDarkNet", "depth": 53}, 1024, 335),
    ],
    ids=lambda backbone: backbone["type"] if isinstance(backbone, dict) else "",
)
def test_what_layers_draw_for_themselves_does_not_count_as_the_file_s(
    tmp_path, backbone, channels, tensors
):
    before = build(backbone, channels)
    file = save(before, tmp_path / "whole.pth")
    after = begin(backbone, channels, pretrained(file)).backbone.state_dict()
    for name, tensor in before.backbone.state_dict().items():
        assert torch.equal(after[name], tensor), name
    with pytest.raises(
        ValueError, match=f"backbone.init_cfg, {file}, has values for 0 of {tensors} "
    ):
        begin(backbone, channels, pretrained(file, None))


@pytest.fixture
def said(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_tables_of_positions_that_a_pretraining_had_not_stay_as_they_are(
    tmp_path, said
):
    before = build(BEIT, 16)
    state = {k: v for k, v in before.state_dict().items() if "relative" not in k}
    file = str(tmp_path / "cae.pth")
    torch.save({"state_dict": state}, file)
    models = [begin(BEIT, 16, pretrained(file)), build(BEIT, 16)]
    load(models[1], file)
    for model in models:
        for name, parameter in model.backbone.named_parameters():
            if name.endswith("relative_position_bias_table"):
                assert parameter.isfinite().all(), name
            else:
                assert torch.equal(parameter, state[f"backbone.{name}"]), name
    told = [text for text in said.messages if "has no table of relative" in text]
    assert [text.partition(" has")[0] for text in told] == [
        f"backbone.init_cfg, {file},",
        f"load_from={file}",
    ]


def test_one_table_for_all_layers_is_dealt_out_by_the_backbone_alone(tmp_path):
    shared = BEIT | {"use_rel_pos_bias": False, "use_shared_rel_pos_bias": True}
    file = save(build(shared, 16), tmp_path / "beit.pth")
    table = torch.load(file)["state_dict"][
        "backbone.rel_pos_bias.relative_position_bias_table"
    ]
    model = begin(BEIT, 16, pretrained(file))
    for layer in model.backbone.layers:
        assert torch.equal(layer.attn.relative_position_bias_table, table)
    with pytest.raises(
        ValueError, match=r"for 33 of 35 .* It has 'backbone\.rel_pos_bias.* one table"
    ):
        load(build(BEIT, 16), file)


@pytest.mark.parametrize(
    "given",
    [
        lambda one: [one],
        lambda one: [{"type": "Kaiming", "layer": "Conv2d"}, one],
        lambda one: one | {"type": PretrainedInit},
        lambda one: one | {"type": "mmengine.Pretrained"},
    ],
    ids=["list", "two", "class", "scope"],
)
def test_values_that_are_drawn_over_the_file_s_are_refused(tmp_path, given):
    file = save(build(RESNET, 512), tmp_path / "resnet.pth")
    begin(RESNET, 512, pretrained(file))
    with pytest.raises(ValueError, match=rf"{file}, is drawn over: [1-9]\d* of "):
        begin(RESNET, 512, given(pretrained(file)))


def test_values_that_the_config_asks_for_besides_the_file_are_its_own(tmp_path):
    file = save(build(RESNET, 512), tmp_path / "resnet.pth")
    zero = {"override": {"type": "Constant", "name": "conv1", "val": 0}}
    model = begin(RESNET, 512, pretrained(file) | zero)
    assert not model.backbone.conv1.weight.any()


class ReadsTwice(MobileNetV2):
    def init_weights(self):
        super().init_weights()
        settings = {k: v for k, v in self.init_cfg.items() if k != "type"}
        PretrainedInit(**settings)(self)


def test_a_file_may_be_read_twice(tmp_path):
    file = save(build(), tmp_path / "ours.pth")
    model = build()
    model.backbone = ReadsTwice(widen_factor=0.25, init_cfg=pretrained(file))
    with files_must_reach_trunk(model, Freezer(model, "all").parts):
        model.init_weights()
    state = torch.load(file)["state_dict"]
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(tensor, state[f"backbone.{name}"]), name


def test_a_file_of_the_head_may_stand_beside_one_of_the_backbone(tmp_path):
    before = build()
    whole = save(before, tmp_path / "whole.pth")
    head = {k: v for k, v in before.state_dict().items() if k.startswith("head.")}
    torch.save({"state_dict": head}, tmp_path / "head.pth")
    model = build(SMALL | {"init_cfg": pretrained(whole)})
    model.init_cfg = pretrained(str(tmp_path / "head.pth"), None)
    with files_must_reach_trunk(model, Freezer(model, "all").parts):
        model.init_weights()
    for name, tensor in before.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_two_files_fill_a_backbone_together(tmp_path):
    state = build().state_dict()
    files = []
    for number in range(2):
        half = dict(list(state.items())[number::2])
        files.append(str(tmp_path / f"half{number}.pth"))
        torch.save({"state_dict": half}, files[-1])
    after = begin(SMALL, 1280, [pretrained(file) for file in files]).state_dict()
    for name, tensor in state.items():
        assert torch.equal(after[name], tensor) or name.startswith("head."), name
    with pytest.raises(ValueError, match=r"half1\.pth, has values for \d+ of 260"):
        begin(SMALL, 1280, [pretrained(files[1])])


def test_a_backbone_that_is_initialised_already_reads_no_file_again(tmp_path):
    file = save(build(), tmp_path / "ours.pth")
    model = build(SMALL | {"init_cfg": pretrained(file)})
    model.backbone.init_weights()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    with files_must_reach_trunk(model, Freezer(model, "all").parts):
        model.init_weights()
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(before[name], tensor), name


class ReadsNoFile(MobileNetV2):
    def init_weights(self):
        pass


def test_a_file_that_nobody_reads_is_told(tmp_path):
    file = save(build(), tmp_path / "ours.pth")
    model = build()
    model.backbone = ReadsNoFile(widen_factor=0.25, init_cfg=pretrained(file))
    with (
        pytest.raises(
            ValueError, match=r"ours\.pth, was not read: the init_weights of"
        ),
        files_must_reach_trunk(model, Freezer(model, "all").parts),
    ):
        model.init_weights()


@pytest.fixture
def run(real_data, tmp_path):
    leaves = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, leaves / species)
    config = tmp_path / "config.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
trainable = "all"
model = dict(backbone=dict(widen_factor=0.25))
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
train_cfg = dict(max_epochs=1)
""")

    def run(name, *settings, flags=()):
        return run_tool(
            *("train", config, *flags, "--work-dir", tmp_path / name, "--cfg-options"),
            *(f"dataset.data_root={leaves}", *settings),
            "train_dataloader.dataset.pipeline.1.scale=64",
        )

    return run


def test_a_training_begins_with_weights_of_its_net_alone(run, tmp_path):
    ours = save(build(classes=7), tmp_path / "ours.pth")
    other = save(build({"type": "ResNet", "depth": 18}, 512), tmp_path / "other.pth")
    random = {"flags": ["--no-pretrained"]}
    check(run("ours", f"load_from={ours}", **random))
    done = run("other", f"load_from={other}", **random)
    assert done.returncode == 2
    assert f"Error: load_from={other} has values for 0 of 260" in done.stderr
    assert not list((tmp_path / "other").glob("*.pth"))
    # The config's own says prefix="backbone".
    init = f"model.backbone.init_cfg.checkpoint={ours}"
    check(run("prefix", init))
    done = run("none", init, "model.backbone.init_cfg.prefix=None")
    assert done.returncode == 2
    assert f"Error: backbone.init_cfg, {ours}, has values for 0 of 260" in done.stderr
