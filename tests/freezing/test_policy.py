import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from mmleaves.freezing.policy import freeze, frozen_modules


@pytest.fixture
def model():
    DefaultScope.get_instance("test", scope_name="mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them

    return MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=dict(type="MobileNetV2", widen_factor=0.25),
            neck=dict(type="GlobalAveragePooling"),
            head=dict(type="LinearClsHead", num_classes=3, in_channels=1280),
        )
    )


def test_a_probe_trains_the_head_alone(model):
    freeze(model, "classifier")
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == ["head.fc.weight", "head.fc.bias"]


def test_all_freezes_nothing(model):
    freeze(model, "all")
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_every_batch_norm_of_a_probe_is_in_a_frozen_part(model):
    frozen = {m for part in frozen_modules(model, "classifier") for m in part.modules()}
    norms = {m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms <= frozen
    assert model.head not in frozen


def test_an_unknown_policy_is_refused_with_the_list(model):
    with pytest.raises(ValueError, match="'head' is not a freeze policy; there are 'a"):
        freeze(model, "head")


def test_a_probe_of_a_model_without_a_head_is_refused():
    with pytest.raises(ValueError, match="needs a model with a head, and Sequential"):
        freeze(torch.nn.Sequential(), "classifier")
