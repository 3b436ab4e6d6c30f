"""Where nets looked, from the checkpoints that runs left."""

import base64

import cv2
import numpy as np
import pytest
import torch
from report.real_experiments import busi, write_experiment

from mmleaves.evidence.gather import gather
from mmleaves.report.grad_cam import HeatMaps
from mmleaves.report.pictures import always_wrong
from mmleaves.report.scored import score

CLASSES = ["benign", "malignant"]
CONFIG = """
default_scope = "mmpretrain"
custom_imports = dict(imports=["mmleaves.datasets", "mmleaves.transforms"])
model = dict(
    type="ImageClassifier",
    backbone={backbone},
    neck={neck},
    head=dict(type="LinearClsHead", num_classes=2, in_channels={width}),
    data_preprocessor=dict(mean=[100.0] * 3, std=[50.0] * 3, to_rgb=True),
)
dataset = dict(type="mmleaves.BenignMalignant", data_root="nowhere")
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    dataset=dict(
        pipeline=[
            dict(type="mmleaves.LoadImage"),
            dict(type="Resize", scale=(64, 64)),
            dict(type="PackInputs"),
        ]
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
test_evaluator = dict(type="Accuracy")
test_cfg = dict()
"""
RESNET = dict(
    backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
    neck=dict(type="GlobalAveragePooling"),
    width=64,
)
VIT = dict(
    backbone=dict(
        type="VisionTransformer",
        arch=dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16),
        img_size=64,
        patch_size=16,
    ),
    neck=None,
    width=16,
)


@pytest.fixture
def experiment(real_data, tmp_path):
    """Folder of an experiment with heads on pixels, and no checkpoints."""
    paths, truth = busi(real_data, most=30)
    options = {"recipes": ("tiny",), "folds": 2, "repeats": 2}
    write_experiment(tmp_path / "all", paths, truth, CLASSES, **options)
    return tmp_path / "all"


def leave_checkpoints(experiment, settings):
    """Put an untrained net of a kind into the folder of every run."""
    from mmpretrain.registry import MODELS

    config = CONFIG.format(**settings)
    namespace: dict = {}
    exec(config, namespace)
    torch.manual_seed(0)
    net = MODELS.build(namespace["model"])
    saved = {
        "state_dict": net.state_dict(),
        "meta": {"dataset_meta": {"classes": CLASSES}},
    }
    for run in experiment.glob("tiny/*"):
        (run / "training").mkdir()
        (run / "tiny.py").write_text(config)
        torch.save(saved, run / "training" / "epoch_3.pth")
        (run / "training" / "last_checkpoint").write_text("elsewhere/epoch_3.pth")
    return net.eval()


def picture(uri):
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_the_map_is_that_of_the_classifiers_weights(experiment):
    """With one linear layer on the mean of the map, Grad-CAM is Zhou's CAM."""
    from mmleaves.report.saliency import grad_cam, last_map

    net = leave_checkpoints(experiment, RESNET)
    inputs = torch.rand(1, 3, 128, 128, generator=torch.manual_seed(1))
    layer = last_map(net, inputs)
    assert layer is net.backbone
    (features,) = net.backbone(inputs)
    seen = []
    for label, weights in enumerate(net.head.fc.weight):
        shares = weights / features[0, 0].numel()
        expected = torch.einsum("c,chw->hw", shares, features[0]).relu().detach()
        torch.testing.assert_close(grad_cam(net, layer, inputs, label), expected)
        seen.append(float(expected.max()))
    assert max(seen) > 0


def test_an_image_is_shown_as_the_run_saw_it_that_named_the_class(experiment):
    leave_checkpoints(experiment, RESNET)
    scored = score(gather([str(experiment)]))
    maps = HeatMaps(scored, 1)
    first, second = always_wrong(scored)[:2]
    path = scored.gathered.images[first.index]
    (found,) = maps.of(0, first, path)
    assert (found.recipe, found.said) == ("tiny", first.said[0][0])
    assert picture(found.uri).shape == (144, 144, 3)
    assert maps.of(1, second, path) == [] and maps.lacking == ""


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda folder: None, "some runs of tiny left no checkpoint with its config"),
        (
            lambda folder: leave_checkpoints(folder, VIT),
            "tiny: the last features of VisionTransformer are no single map",
        ),
    ],
)
def test_what_lacks_is_said_and_not_drawn(experiment, break_it, why):
    break_it(experiment)
    scored = score(gather([str(experiment)]))
    maps, first = HeatMaps(scored, 1), always_wrong(scored)[0]
    assert maps.of(0, first, scored.gathered.images[first.index]) == []
    assert maps.lacking.startswith(f"Grad-CAMs are left out: {why}")


def test_without_captum_the_page_says_so(experiment, monkeypatch):
    monkeypatch.setattr("mmleaves.report.grad_cam.find_spec", lambda name: None)
    maps = HeatMaps(score(gather([str(experiment)])), 3)
    assert "pip install 'mmleaves[grad-cam]'" in maps.lacking


def test_nothing_is_said_of_maps_that_nobody_asked_for(experiment):
    assert HeatMaps(score(gather([str(experiment)])), 0).lacking == ""
