import pytest
import torch
from mmpretrain.structures import DataSample
from torch import nn

from mmleaves.models import FusionClsHead
from mmleaves.models.pooling import pooled


def test_joined_vectors_are_classified_by_one_linear_layer():
    head = FusionClsHead(2, (3, 4))
    first, second = torch.randn(5, 3), torch.randn(5, 4)
    expected = head.fc(torch.cat((first, second), dim=1))
    assert torch.equal(head((first, second)), expected)
    assert head.fc.in_features == 7


def test_vectors_of_one_width_are_added_as_they_are():
    head = FusionClsHead(2, (4, 4), how="sum")
    first, second = torch.randn(5, 4), torch.randn(5, 4)
    torch.testing.assert_close(head.pre_logits((first, second)), first + second)
    assert [name for name, _ in head.named_parameters()] == ["fc.weight", "fc.bias"]


def test_vectors_of_two_widths_are_projected_to_the_smaller():
    head = FusionClsHead(2, (6, 4), how="sum")
    first, second = torch.randn(5, 6), torch.randn(5, 4)
    expected = first @ head.projections[0].weight.T
    expected = expected + second @ head.projections[1].weight.T
    torch.testing.assert_close(head.pre_logits((first, second)), expected)
    assert expected.shape == (5, 4)


@pytest.mark.parametrize("widths", [(4, 4), (6, 4), (6, 4, 5)])
def test_gates_sum_to_one_and_weigh_the_vectors(widths):
    head = FusionClsHead(2, widths, how="gates")
    nn.init.normal_(head.gate.weight)
    feats = tuple(torch.randn(5, width) for width in widths)
    gates = head.gates(feats)
    assert gates.shape == (5, len(widths))
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(5))
    assert (gates > 0).all() and gates.std(dim=0).min() > 0.01  # of each image its own
    vectors = feats
    if len(set(widths)) > 1:
        vectors = [p(v) for p, v in zip(head.projections, feats, strict=True)]
    expected = sum(gates[:, i : i + 1] * vector for i, vector in enumerate(vectors))
    torch.testing.assert_close(head.pre_logits(feats), expected)


@pytest.mark.parametrize("how", ["concat", "sum", "gates"])
def test_gradients_reach_every_vector_and_every_parameter(how):
    head = FusionClsHead(3, (6, 4), how=how)
    head.init_weights()
    feats = tuple(torch.randn(5, width, requires_grad=True) for width in (6, 4))
    samples = [DataSample().set_gt_label(i % 3) for i in range(5)]
    head.loss(feats, samples)["loss"].backward()
    for tensor in (*feats, *head.parameters()):
        assert tensor.grad.abs().sum() > 0


def test_the_classifier_starts_as_mmpretrains_linear_one_does():
    torch.manual_seed(0)
    head = FusionClsHead(100, (600, 400), how="gates")
    before = head.gate.weight.clone()
    head.init_weights()
    assert head.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not head.fc.bias.any()
    assert torch.equal(head.gate.weight, before)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_maps_and_tokens_are_averaged_and_vectors_kept(layout):
    x = torch.randn(2, 3, 4, 5).to(memory_format=layout)
    mean = x.sum(dim=(2, 3)) / 20
    torch.testing.assert_close(pooled(x), mean)
    torch.testing.assert_close(pooled(x.flatten(2).transpose(1, 2)), mean)
    vector = torch.randn(2, 3)
    assert pooled(vector) is vector
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(N, C\), .* Set"):
        pooled(torch.zeros(3))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"how='max', expected one of 'concat', 'sum'"):
        FusionClsHead(2, (3, 4), how="max")
    with pytest.raises(ValueError, match=r"in_channels=\(3,\), expected two or more"):
        FusionClsHead(2, (3,))
    head = FusionClsHead(2, (3, 4))
    message = r"gives vectors of \(4, 3\) channels, and the head has .*\(3, 4\)\. Set"
    with pytest.raises(ValueError, match=message):
        head((torch.zeros(1, 4), torch.zeros(1, 3)))
    with pytest.raises(ValueError, match="how='concat', expected 'gates'"):
        head.gates((torch.zeros(1, 3), torch.zeros(1, 4)))
