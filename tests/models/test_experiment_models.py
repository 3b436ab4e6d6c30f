"""The models of experiments.md, table 5, as their configs build them."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from mmleaves.config import load_config
from mmleaves.registry import MODELS

RESNET50 = 23_508_032
VIT_BASE = 85_798_656
# Of one fusion, over the two branches' channels C: queries, keys and values, and what
# writes back are 4 * 64 * C + 3 * 64 + C, the norms 2 * C.
CROSS = {
    stage: sum(259 * channels + 192 for channels in widths)
    for stage, widths in {1: (256, 768), 2: (512, 768), 3: (1024, 768)}.items()
}
COUNTS = {  # parameters of the backbone and of the head
    "resnet50": (RESNET50, 2048 * 2 + 2),
    "resnet50-hidden1000": (RESNET50, 2048 * 1000 + 1000 + 1000 * 2 + 2),
    "resnet50-hidden100": (RESNET50, 2048 * 100 + 100 + 100 * 2 + 2),
    "resnet50-3stages-hidden500": (
        RESNET50 - 14_964_736,
        1024 * 500 + 500 + 500 * 2 + 2,
    ),
    "resnet50-stages34": (RESNET50, (1024 + 2048) * 2 + 2),
    "resnet18": (11_176_512, 512 * 2 + 2),
    "resnet34": (21_284_672, 512 * 2 + 2),
    "resnet101": (42_500_160, 2048 * 2 + 2),
    "densenet121": (6_953_856, 1024 * 2 + 2),
    "resnet50-vit-base-concat": (RESNET50 + VIT_BASE, (2048 + 768) * 2 + 2),
    "resnet50-vit-base-sum": (
        RESNET50 + VIT_BASE,
        (2048 + 768) * 768 + 768 * 2 + 2,
    ),
    "resnet50-vit-base-gates": (
        RESNET50 + VIT_BASE,
        (2048 + 768) * 768 + (2048 + 768) * 2 + 2 + 768 * 2 + 2,
    ),
    "resnet50-vit-base-cross3": (
        RESNET50 + VIT_BASE + CROSS[3],
        (2048 + 768) * 2 + 2,
    ),
    "resnet50-vit-base-cross23": (
        RESNET50 + VIT_BASE + CROSS[2] + CROSS[3],
        (2048 + 768) * 2 + 2,
    ),
    "resnet50-vit-base-cross123": (
        RESNET50 + VIT_BASE + sum(CROSS.values()),
        (2048 + 768) * 2 + 2,
    ),
    "resnet50-extra10-10": (
        RESNET50,
        2048 * 10 + 10 + 6 * 10 + 10 + (10 + 10) * 2 + 2,
    ),
    "resnet50-extra10-50": (
        RESNET50,
        2048 * 10 + 10 + 6 * 50 + 50 + (10 + 50) * 2 + 2,
    ),
    "resnet50-extra10-100": (
        RESNET50,
        2048 * 10 + 10 + 6 * 100 + 100 + (10 + 100) * 2 + 2,
    ),
    "resnet50-attention-pooling": (RESNET50, 2048 + 2048 * 2 + 2),
}


def config_model(algorithm):
    cfg = load_config(
        f"{algorithm}_all_b32-adamw-cosine10_busi", import_custom_modules=False
    )
    # The runner fills both in from the data.
    cfg.model.head.num_classes = 2
    cfg.model.head.loss.class_weight = None
    return cfg.model


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("algorithm", COUNTS)
def test_a_config_has_the_parameters_worked_out_by_hand(algorithm):
    model = MODELS.build(config_model(algorithm))
    assert (count(model.backbone), count(model.head)) == COUNTS[algorithm]


@pytest.mark.parametrize("algorithm", COUNTS)
def test_the_classifiers_of_table_5_end_in_layers_that_start_alike(algorithm):
    """As mmpretrain's LinearClsHead does, whose models they are compared with."""
    torch.manual_seed(0)
    head = MODELS.build(config_model(algorithm).head | {"num_classes": 500})
    head.init_weights()
    *_, last = (module for module in head.modules() if isinstance(module, nn.Linear))
    assert last.out_features == 500
    assert last.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not last.bias.any()


@pytest.mark.parametrize(
    ("algorithm", "plain"),
    [
        (
            "resnet50-hidden1000",
            nn.Sequential(nn.Linear(2048, 1000), nn.ReLU(), nn.Linear(1000, 2)),
        ),
        (
            "resnet50-hidden100",
            nn.Sequential(nn.Linear(2048, 100), nn.ReLU(), nn.Linear(100, 2)),
        ),
        (
            "resnet50-3stages-hidden500",
            nn.Sequential(nn.Linear(1024, 500), nn.ReLU(), nn.Linear(500, 2)),
        ),
    ],
)
def test_a_classifier_with_a_hidden_layer_is_the_one_in_plain_pytorch(algorithm, plain):
    """No norm and no dropout, in training mode either."""
    head = MODELS.build(config_model(algorithm).head)
    plain.load_state_dict(
        dict(zip(plain.state_dict(), head.state_dict().values(), strict=True))
    )
    vectors = torch.randn(4, plain[0].in_features)
    torch.testing.assert_close(head((vectors,)), plain(vectors))


def test_resnet50_without_its_last_stage_is_torchvisions_cut_there():
    """Its pretrained weights are read from a file that has the last stage as well."""
    theirs = resnet50().eval()
    ours = MODELS.build(config_model("resnet50-3stages-hidden500").backbone)
    ours.eval()
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not missing
    assert all(name.startswith(("layer4.", "fc.")) for name in unexpected)
    cut = nn.Sequential(*list(theirs.children())[:-3])
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        (features,) = ours(images)
        torch.testing.assert_close(features, cut(images))
    assert features.shape == (1, 1024, 4, 4)
