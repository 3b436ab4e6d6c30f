"""The losses and mixes of images that a config can name, by their values."""

import math

import numpy as np
import pytest
import torch
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.models.utils.batch_augments import RandomBatchAugment
from mmpretrain.structures import DataSample

# Two images of three classes: probabilities 1/2, 1/4, 1/4 and 1/10, 8/10, 1/10.
SCORES = torch.tensor([[2.0, 1.0, 1.0], [1.0, 8.0, 1.0]]).log()


def loss_of(loss, targets, scores=SCORES):
    """Return the loss that a classifier's head makes of ``scores``."""
    head = LinearClsHead(num_classes=3, in_channels=3, loss=loss)
    head.fc = torch.nn.Identity()
    samples = []
    for target in targets:
        sample = DataSample()
        scored = isinstance(target, list)
        (sample.set_gt_score if scored else sample.set_gt_label)(torch.tensor(target))
        samples.append(sample)
    return head.loss((scores,), samples)["loss"].item()


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        # The first image is of class 0, the second of class 2.
        (dict(type="CrossEntropyLoss"), (math.log(2) + math.log(10)) / 2),
        # The mean is over the images, not over the weights as torch's own.
        (
            dict(type="CrossEntropyLoss", class_weight=[1.0, 1.0, 3.0]),
            (math.log(2) + 3 * math.log(10)) / 2,
        ),
        # 0.9 to the right class, and 0.1 / 3 to each.
        (
            dict(type="LabelSmoothLoss", label_smooth_val=0.1),
            0.9 * (math.log(2) + math.log(10)) / 2
            + 0.1 / 3 * (math.log(2) + 2 * math.log(4)) / 2
            + 0.1 / 3 * (2 * math.log(10) + math.log(10 / 8)) / 2,
        ),
        (
            dict(type="mmleaves.SoftmaxFocalLoss", gamma=2.0),
            (0.5**2 * math.log(2) + 0.9**2 * math.log(10)) / 2,
        ),
    ],
)
def test_a_loss_has_the_value_worked_out_by_hand(loss, value):
    assert loss_of(loss, [0, 2]) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("kind", ["Mixup", "CutMix"])
def test_mixed_images_count_as_much_for_a_class_as_it_has_of_them(kind):
    np.random.seed(0)
    torch.manual_seed(1)  # one that swaps the two images
    labels = torch.eye(3)[[0, 2]]
    white, black = torch.ones(3, 32, 32), torch.zeros(3, 32, 32)
    augment = RandomBatchAugment(dict(type=kind, alpha=1.0))
    images, shares = augment(torch.stack([white, black]), labels)
    # What of the first is white is of class 0, and the rest of class 2.
    white = images[0].mean().item()
    assert 0 < white < 1
    assert shares[0].tolist() == pytest.approx([white, 0, 1 - white], abs=1e-6)
    loss = loss_of(dict(type="CrossEntropyLoss"), shares[:1].tolist(), SCORES[:1])
    expected = white * math.log(2) + (1 - white) * math.log(4)
    assert loss == pytest.approx(expected, rel=1e-5)
