"""Nets of many branches, trained for a few steps, folded, tested and used."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from tool_runs import ROOT

from mmleaves.checkpoints.folding import _build, check_out, fold
from mmleaves.commands import fold as fold_command
from mmleaves.commands import test as test_command
from mmleaves.commands import train as train_command
from mmleaves.config import load_config
from mmleaves.evidence.predict import predict
from mmleaves.freezing.lora import add_lora
from mmleaves.models.folding import FOLDED_BY

CONFIG = """
_base_ = [
    "{bases}/models/repvgg-a0.py",
    "{bases}/data/folders.py",
    "{bases}/schedules/sgd_cosine10.py",
    "{bases}/default_runtime.py",
]
model = dict(
    backbone=dict(_delete_=True, type="{kind}", arch="{arch}"),
    head=dict(in_channels={channels}),
)
"""
# Backbone, and the channels it ends with.
SMALL = {
    "LeViT": (dict(arch="128s", img_size=64, out_indices=(2,)), 384),
    "MobileOne": (dict(arch="s0"), 1024),
    "RIFormer": (dict(arch="s12"), 512),
    "RepLKNet": (
        dict(
            arch=dict(
                large_kernel_sizes=[7, 5, 5, 3],
                layers=[1, 1, 1, 1],
                channels=[16, 16, 32, 32],
                small_kernel=3,
                dw_ratio=1,
            )
        ),
        32,
    ),
    "RepMLPNet": (
        dict(
            arch=dict(channels=[8, 16], depths=[1, 1], sharesets_nums=[1, 4]),
            img_size=64,
            out_indices=(1,),
            reparam_conv_kernels=(1, 3),
        ),
        16,
    ),
    "RepVGG": (dict(arch="A0"), 1280),
}


def small_config(kind, **settings):
    backbone, channels = SMALL[kind]
    return Config(
        dict(
            model=dict(
                type="ImageClassifier",
                backbone=dict(type=kind) | backbone | settings,
                neck=dict(type="GlobalAveragePooling"),
                head=dict(type="LinearClsHead", in_channels=channels, num_classes=5),
            )
        )
    )


def write_trained(cfg, path):
    """Write a checkpoint with other statistics of BatchNorm than at the start."""
    torch.manual_seed(0)
    model = _build(cfg).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        model(2 * torch.randn(4, 3, 64, 64) + 1).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.save({"state_dict": model.state_dict()}, path)


@pytest.mark.parametrize("kind", FOLDED_BY)
def test_a_folded_net_gives_the_outputs_of_the_one_it_came_from(kind, tmp_path):
    cfg, path = small_config(kind), tmp_path / "trained.pth"
    write_trained(cfg, path)
    folded = fold(cfg, str(path), image_px=64)
    exact, usual = folded.differences
    assert exact < 1e-12
    assert usual < 1e-5
    # Once more, from the start: what is stored is what is built.
    images = torch.randn(2, 3, 64, 64)
    ours, theirs = _build(folded.cfg), _build(cfg)
    ours.load_state_dict(folded.checkpoint["state_dict"])
    theirs.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    with torch.inference_mode():
        expected = theirs(images)
        assert (ours(images) - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("kind", "arch", "channels"), [("RepVGG", "A0", 1280), ("MobileOne", "s0", 1024)]
)
def test_what_fold_writes_is_tested_and_predicts_as_before(
    kind, arch, channels, real_data, tmp_path, capsys
):
    path = tmp_path / "net.py"
    bases = ROOT / "configs" / "_base_"
    path.write_text(CONFIG.format(bases=bases, kind=kind, arch=arch, channels=channels))
    options = [
        f"dataset.data_root={real_data / 'leaf_uci_folders'}",
        "train_cfg.max_epochs=1",
        "train_dataloader.batch_size=8",
        *[f"{part}_dataloader.num_workers=0" for part in ("train", "val", "test")],
        "train_dataloader.dataset.pipeline.1.scale=64",
        *[f"{part}_dataloader.dataset.pipeline.1.scale=72" for part in ("val", "test")],
        *[
            f"{part}_dataloader.dataset.pipeline.2.crop_size=64"
            for part in ("val", "test")
        ],
    ]
    run = tmp_path / "run"
    train_command.main([str(path), "--work-dir", str(run), "--cfg-options", *options])
    trained, out = run / "epoch_1.pth", tmp_path / "folded.pth"
    fold_command.main([str(run / "net.py"), str(trained), str(out)])
    assert "Outputs for random images agree" in capsys.readouterr().out

    metrics = {}
    for name, config, weights in (
        ("trained", run / "net.py", trained),
        ("folded", out.with_suffix(".py"), out),
    ):
        result = tmp_path / f"{name}.json"
        where = ["--work-dir", str(tmp_path / name), "--out", str(result)]
        test_command.main([str(config), str(weights), *where])
        metrics[name] = json.loads(result.read_text())
    assert metrics["folded"] == pytest.approx(metrics["trained"], rel=1e-4)

    probs = [
        predict(load_config(str(config)), str(weights), None).probs
        for config, weights in (
            (run / "net.py", trained),
            (out.with_suffix(".py"), out),
        )
    ]
    np.testing.assert_allclose(*probs, rtol=1e-4, atol=1e-6)
    assert not any("branch_3x3" in key or "branch_conv" in key for key in _keys(out))


def _keys(path):
    stored = torch.load(path, weights_only=True)
    assert stored.keys() == {"meta", "state_dict"}
    assert "train_images" in stored["meta"]  # so that none of them is scored
    return stored["state_dict"]


def test_a_net_that_mmpretrain_folds_wrongly_is_refused(tmp_path):
    """Its folded RepVGG leaves the squeeze-and-excitation out."""
    arch = dict(
        num_blocks=[1, 1, 1, 1],
        width_factor=[0.25, 0.25, 0.25, 0.25],
        group_layer_map=None,
        se_cfg=dict(ratio=16, divisor=1),
        stem_channels=16,
    )
    cfg, path = small_config("RepVGG", arch=arch), tmp_path / "trained.pth"
    cfg.model.head.in_channels = 128
    write_trained(cfg, path)
    with pytest.raises(ValueError, match="RepVGG gives other outputs: by"):
        fold(cfg, str(path), image_px=64)


def test_a_net_with_nothing_to_fold_is_refused_with_those_that_have():
    cfg = load_config(str(ROOT / "configs" / "resnet50_frozen2_b64_caltech.py"))
    with pytest.raises(ValueError, match=", ".join(FOLDED_BY)) as error:
        fold(cfg, "x.pth")
    assert "type 'ResNet', which has nothing to fold" in str(error.value)


def test_a_folded_net_is_not_folded_again():
    with pytest.raises(ValueError, match=r"backbone\.deploy is True.*folded already"):
        fold(small_config("RepVGG", deploy=True), "x.pth")


def test_weights_of_another_net_are_refused(tmp_path):
    write_trained(small_config("RepVGG"), tmp_path / "trained.pth")
    with pytest.raises(ValueError, match=r"trained\.pth is not a checkpoint of this"):
        fold(small_config("MobileOne"), str(tmp_path / "trained.pth"))


def test_no_file_is_overwritten(tmp_path):
    (tmp_path / "folded.py").touch()
    with pytest.raises(FileExistsError, match=r"folded\.py is there already"):
        check_out(str(tmp_path / "folded.pth"))
    with pytest.raises(ValueError, match=r"expected the name of a checkpoint"):
        check_out(str(tmp_path / "folded"))


def test_low_rank_updates_are_not_left_out_in_silence(tmp_path):
    cfg = small_config("LeViT")
    model = _build(cfg)
    add_lora(model, 2)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "lora.pth")
    with pytest.raises(ValueError, match=r"lora\.pth holds low-rank updates"):
        fold(cfg, str(tmp_path / "lora.pth"), image_px=64)
