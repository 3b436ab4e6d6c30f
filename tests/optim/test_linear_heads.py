"""Many linear classifiers at once: each goes the way it would go alone."""

import pytest
import torch
from mmpretrain.models.losses import CrossEntropyLoss, LabelSmoothLoss
from torch import nn

from mmleaves.optim.linear_heads import HeadSettings, LinearHeads

SETTINGS = [
    HeadSettings(rate=1e-2, weight_decay=0.0, seed=0),
    HeadSettings(rate=1e-1, weight_decay=1e-2, seed=1),
    HeadSettings(rate=1e-3, weight_decay=1e-1, seed=2, class_weights=(1.0, 3.0, 0.5)),
]


def alone(heads, number):
    """Return one of the classifiers as torch's own layer."""
    layer = nn.Linear(8, 3)
    with torch.no_grad():
        layer.weight.copy_(heads.weight[number])
        layer.bias.copy_(heads.bias[number])
    return layer


@pytest.mark.parametrize(
    ("name", "arguments", "optimizer"),
    [
        ("AdamW", {"betas": (0.8, 0.99), "eps": 1e-3}, torch.optim.AdamW),
        ("SGD", {"momentum": 0.9}, torch.optim.SGD),
        ("SGD", {"momentum": 0.0}, torch.optim.SGD),
    ],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_each_goes_the_way_of_torchs_own_optimiser_by_mmpretrains_own_loss(
    name, arguments, optimizer, smoothing
):
    heads = LinearHeads(
        SETTINGS, 8, 3, optimizer=name, label_smoothing=smoothing, **arguments
    )
    layers = [alone(heads, i) for i in range(3)]
    optimizers = [
        optimizer(
            layer.parameters(), lr=s.rate, weight_decay=s.weight_decay, **arguments
        )
        for layer, s in zip(layers, SETTINGS, strict=True)
    ]
    generator = torch.Generator().manual_seed(0)
    for factor in (1.0, 0.7, 0.7, 0.2, 0.0):
        features = torch.randn(3, 16, 8, generator=generator)
        labels = torch.randint(3, (3, 16), generator=generator)
        rates = torch.tensor([s.rate for s in SETTINGS], dtype=torch.float64) * factor
        losses = heads.step(features, labels, rates)
        for i, (layer, own, s) in enumerate(
            zip(layers, optimizers, SETTINGS, strict=True)
        ):
            own.param_groups[0]["lr"] = s.rate * factor
            # As MMPretrain's heads call their loss.
            loss_module = CrossEntropyLoss(class_weight=s.class_weights)
            if smoothing:
                loss_module = LabelSmoothLoss(
                    smoothing, num_classes=3, class_weight=s.class_weights
                )
            loss = loss_module(layer(features[i]), labels[i], avg_factor=16)
            own.zero_grad()
            loss.backward()
            own.step()
            torch.testing.assert_close(losses[i], loss.detach())
            torch.testing.assert_close(heads.weight[i], layer.weight.detach())
            torch.testing.assert_close(heads.bias[i], layer.bias.detach())
    whole = heads.scores(features[0])
    torch.testing.assert_close(whole[1], layers[1](features[0]).detach())


def test_one_seed_begins_with_one_set_of_weights():
    settings = [HeadSettings(1.0, 0.0, seed) for seed in (5, 5, 6)]
    heads = LinearHeads(settings, 8, 3)
    assert torch.equal(heads.weight[0], heads.weight[1])
    assert not torch.equal(heads.weight[0], heads.weight[2])
