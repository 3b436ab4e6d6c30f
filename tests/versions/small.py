"""The tests in small, of one combination of versions: `run.py` runs them with each.

Not a part of the suite, which tests the same at more length with one of them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
SMALL = [
    "trainable=last:1",
    "model.backbone.widen_factor=0.25",
    "model.backbone.init_cfg=None",
    "train_dataloader.batch_size=4",
    *[f"{part}_dataloader.num_workers=0" for part in ("train", "val", "test")],
    "train_dataloader.dataset.pipeline.1.scale=32",
    "val_dataloader.dataset.pipeline.1.scale=32",
    "val_dataloader.dataset.pipeline.2.crop_size=32",
    "dataset.train_fraction=0.5",
    "dataset.val_fraction=0.25",
]


def mmleaves(*args):
    return subprocess.run(
        [sys.executable, "-m", "mmleaves.cli", *map(str, args)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def check(done):
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaves") / "drawn"
    check(mmleaves("make-sample", "--layout", "caltech", "--per-class", 8, folder))
    return folder


def train(leaves, work, *settings, resume=False):
    go_on = ["--resume"] if resume else []
    options = ["--cfg-options", f"dataset.data_root={leaves}", *SMALL, *settings]
    return mmleaves("train", CONFIG, "--work-dir", work, *go_on, *options)


def weights(path):
    import torch

    return torch.load(path, weights_only=True)["state_dict"]


def test_every_part_is_imported_and_registered():
    import mmleaves.runner  # noqa: F401
    from mmleaves.registered import find_class

    for name in (
        *("ImageClassifier", "ResNet", "VisionTransformer", "Accuracy", "EMAHook"),
        *("mmleaves.CaltechFolders", "mmleaves.LoadImage", "mmleaves.DrawsHook"),
    ):
        assert find_class(name) is not None, name


def test_a_resumed_run_has_the_weights_of_an_unbroken_one(leaves, tmp_path):
    import torch

    epochs = "train_cfg.max_epochs={}".format
    constant = ["param_scheduler=[]"]
    check(train(leaves, tmp_path / "whole", epochs(2), *constant))
    check(train(leaves, tmp_path / "parts", epochs(1), *constant))
    check(train(leaves, tmp_path / "parts", epochs(2), *constant, resume=True))
    whole = weights(tmp_path / "whole" / "epoch_2.pth")
    parts = weights(tmp_path / "parts" / "epoch_2.pth")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    scored = check(
        mmleaves(
            *("test", CONFIG, tmp_path / "whole" / "epoch_2.pth"),
            *("--cfg-options", f"dataset.data_root={leaves}", *SMALL),
        )
    )
    assert "accuracy/top1" in scored.stdout + scored.stderr


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(leaves, tmp_path):
    import torch

    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"state_dict": {}, "meta": Payload()}, tmp_path / "foreign.pth")
    done = train(leaves, tmp_path / "run", f"load_from={tmp_path / 'foreign.pth'}")
    assert done.returncode in (2, 4), done.stderr[-3000:]
    assert "foreign.pth" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        (dict(type="ResNet", depth=18), 512),
        (dict(type="MobileNetV2", widen_factor=0.25), 1280),
        (
            dict(
                type="VisionTransformer",
                img_size=32,
                patch_size=16,
                arch=dict(
                    embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64
                ),
            ),
            32,
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_is_frozen_stays_as_it_is(backbone, channels):
    import torch
    from mmengine.registry import init_default_scope

    import mmleaves.runner  # noqa: F401
    from mmleaves.freezing.freezer import Freezer
    from mmleaves.registry import MODELS

    init_default_scope("mmpretrain")
    pooled = backbone["type"] != "VisionTransformer"
    kind = "LinearClsHead" if pooled else "VisionTransformerClsHead"
    model = MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=backbone,
            neck=dict(type="GlobalAveragePooling") if pooled else None,
            head=dict(type=kind, in_channels=channels, num_classes=3),
        )
    )
    freezer = Freezer(model, "last:1")
    freezer.apply(0)
    model.train()
    freezer.hold(0)
    before = {name: t.clone() for name, t in freezer.frozen_tensors(0).items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    first = [p.detach().clone() for p in trained]
    images = torch.randn(4, 3, 32, 32)
    scores = model(images, mode="tensor")
    scores = model.head.forward(scores) if not torch.is_tensor(scores) else scores
    loss = scores.square().mean()
    loss.backward()
    torch.optim.SGD(trained, lr=0.1).step()
    assert before
    for name, tensor in freezer.frozen_tensors(0).items():
        assert torch.equal(tensor, before[name]), name
    assert any(not torch.equal(a, b) for a, b in zip(first, trained, strict=True))


def test_the_doctor_finds_the_stack_and_a_config_sound(leaves):
    data = f"dataset.data_root={leaves}"
    done = check(mmleaves("doctor", CONFIG, "--cfg-options", data))
    assert "0 errors" in done.stdout
