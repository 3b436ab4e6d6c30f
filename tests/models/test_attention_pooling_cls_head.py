import pytest
import torch
from mmpretrain.structures import DataSample
from torch import nn

from mmleaves.models import AttentionPoolingClsHead


def test_at_the_start_it_is_average_pooling():
    head = AttentionPoolingClsHead(2, 6)
    head.init_weights()
    features = torch.randn(4, 6, 3, 5)
    torch.testing.assert_close(head.pre_logits((features,)), features.mean(dim=(2, 3)))


def test_positions_weigh_by_their_likeness_to_the_query():
    """Worked out by hand: two positions, scores 3 / sqrt(4) and -1 / sqrt(4)."""
    head = AttentionPoolingClsHead(2, 4)
    head.query.data = torch.tensor([1.0, 0, 0, 0])
    positions = torch.tensor([[3.0, 1, 0, 0], [-1.0, 0, 1, 0]])
    features = positions.T.reshape(1, 4, 1, 2)
    first = torch.tensor(2.0).sigmoid()  # of scores 1.5 and -0.5
    torch.testing.assert_close(
        head.attention((features,)), torch.stack((first, 1 - first))[None]
    )
    expected = first * positions[0] + (1 - first) * positions[1]
    torch.testing.assert_close(head.pre_logits((features,))[0], expected)
    torch.testing.assert_close(head.pre_logits((positions[None],))[0], expected)


def test_attention_sums_to_one_whatever_the_layout():
    head = AttentionPoolingClsHead(2, 6)
    nn.init.normal_(head.query)
    features = torch.randn(4, 6, 7, 7)
    attention = head.attention((features,))
    assert attention.shape == (4, 49)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(4))
    channels_last = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(head((channels_last,)), head((features,)))


def test_the_query_learns_from_the_first_step_on():
    head = AttentionPoolingClsHead(2, 6)
    head.init_weights()
    features = torch.randn(4, 6, 3, 3, requires_grad=True)
    samples = [DataSample().set_gt_label(i % 2) for i in range(4)]
    head.loss((features,), samples)["loss"].backward()
    assert head.query.grad.abs().sum() > 0
    assert features.grad.abs().sum() > 0


def test_pooled_features_are_refused():
    head = AttentionPoolingClsHead(2, 6)
    message = (
        r"features of shape \(4, 6\), expected a map, .* Set `model\.neck` to None"
    )
    with pytest.raises(ValueError, match=message):
        head((torch.zeros(4, 6),))
