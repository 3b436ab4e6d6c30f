import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample

from mmleaves.models import ExtraFeaturesClsHead


def build(fitted=True):
    torch.manual_seed(0)
    head = ExtraFeaturesClsHead(3, 6, 2, latent_channels=(5, 4))
    if fitted:
        head.extra_mean.copy_(torch.tensor([10.0, -1.0]))
        head.extra_std.copy_(torch.tensor([2.0, 0.5]))
    return head


def samples(count=4, width=2):
    rows = np.arange(count * width, dtype=np.float32).reshape(count, width)
    made = [DataSample().set_gt_label(i % 3) for i in range(count)]
    for sample, row in zip(made, rows, strict=True):
        sample.set_field(row, "extra_features")
    return made


def test_both_latent_vectors_are_joined_and_classified():
    """Row by row, as plain PyTorch writes it."""
    head, features = build(), torch.randn(4, 6, 3, 3)
    predicted = head.predict((features,), samples())
    for i, sample in enumerate(predicted):
        first, second = 2.0 * i, 2.0 * i + 1  # as `samples` numbers them
        extra = torch.tensor([(first - 10) / 2, (second + 1) / 0.5])
        image = head.image_latent(features[i].mean(dim=(1, 2))).clamp(min=0)
        latent = torch.cat((image, head.extra_latent(extra).clamp(min=0)))
        torch.testing.assert_close(sample.pred_score, head.fc(latent).softmax(dim=0))
    assert latent.shape == (9,)


def test_gradients_reach_the_image_and_every_parameter():
    head, features = build(), torch.randn(4, 6, requires_grad=True)
    head.loss((features,), samples())["loss"].backward()
    for tensor in (features, *head.parameters()):
        assert tensor.grad.abs().sum() > 0


def test_the_classifier_alone_starts_as_mmpretrains_linear_one_does():
    torch.manual_seed(0)
    head = ExtraFeaturesClsHead(100, 6, 2, latent_channels=(60, 40))
    latent = [head.image_latent.weight.clone(), head.extra_latent.weight.clone()]
    head.init_weights()
    assert head.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not head.fc.bias.any()
    assert torch.equal(head.image_latent.weight, latent[0])
    assert torch.equal(head.extra_latent.weight, latent[1])


def test_mean_and_deviation_are_stored_with_the_weights():
    state = build().state_dict()
    assert state["extra_mean"].tolist() == [10, -1]
    assert state["extra_std"].tolist() == [2, 0.5]


def test_features_that_were_never_standardised_are_refused():
    message = r"never standardised\. Put dict\(type='mmleaves\.StandardizeFeaturesHook"
    with pytest.raises(ValueError, match=message):
        build(fitted=False).predict((torch.zeros(4, 6),), samples())


def test_images_without_features_are_refused():
    message = r"no `extra_features`\. Put mmleaves\.AttachFeatures .* algorithm_keys"
    for given in (None, [DataSample()] * 4):
        with pytest.raises(ValueError, match=message):
            build().predict((torch.zeros(4, 6),), given)


def test_another_number_of_features_is_refused():
    message = r"has 3 extra features, and the head has extra_channels=2\. Set"
    with pytest.raises(ValueError, match=message):
        build().predict((torch.zeros(4, 6),), samples(width=3))
