import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from mmpretrain.models.losses import FocalLoss

from mmleaves.models.softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

# Two images of three classes: probabilities 1/2, 1/4, 1/4 and 1/10, 8/10, 1/10.
SCORES = torch.tensor([[2.0, 1.0, 1.0], [1.0, 8.0, 1.0]]).log()
LABELS = torch.tensor([0, 2])


def test_the_loss_of_an_image_is_what_the_formula_gives_by_hand():
    # (1 - 1/2)^2 ln 2 and (1 - 1/10)^2 ln 10
    losses = softmax_focal_loss(SCORES, LABELS, gamma=2.0)
    assert losses.tolist() == pytest.approx([0.173287, 1.865094], rel=1e-5)


def test_without_focus_it_is_cross_entropy():
    ours = SoftmaxFocalLoss(gamma=0.0)(SCORES, LABELS, avg_factor=2)
    assert ours.item() == pytest.approx(F.cross_entropy(SCORES, LABELS).item())


def test_a_weight_belongs_to_the_right_class_of_an_image():
    loss = SoftmaxFocalLoss(class_weight=[1.0, 5.0, 3.0])(SCORES, LABELS)
    assert loss.item() == pytest.approx((0.173287 + 3 * 1.865094) / 2, rel=1e-5)


def test_shares_of_classes_as_mixup_gives_them_are_taken():
    shares = torch.tensor([[0.5, 0.5, 0.0]])
    # (1/2)^2 ln 2 for the one, (3/4)^2 ln 4 for the other, half of each
    loss = SoftmaxFocalLoss()(SCORES[:1], shares)
    assert loss.item() == pytest.approx((0.173287 + 0.779797) / 2, rel=1e-5)
    whole = F.one_hot(LABELS, 3).float()
    assert SoftmaxFocalLoss()(SCORES, whole) == SoftmaxFocalLoss()(SCORES, LABELS)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_what_is_certain_and_right_costs_nothing_and_has_a_gradient(gamma):
    scores = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = SoftmaxFocalLoss(gamma=gamma)(scores, torch.tensor([0]))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(scores.grad).all()


def test_a_negative_focus_is_refused():
    with pytest.raises(ValueError, match="gamma is -1, expected 0 or more"):
        SoftmaxFocalLoss(gamma=-1)


def test_upstreams_focal_loss_is_one_of_yes_and_no_for_each_class():
    """Why there is one of ours: shifting all logits alike changes it."""
    upstream, shifted = FocalLoss(), SCORES + 3
    assert upstream(SCORES, LABELS) != pytest.approx(upstream(shifted, LABELS).item())
    ours = SoftmaxFocalLoss()
    assert ours(SCORES, LABELS).item() == pytest.approx(ours(shifted, LABELS).item())
