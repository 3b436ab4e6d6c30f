"""Frozen parameters leave every optimiser, and nothing else does."""

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import init_default_scope
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer

from mmleaves.freezing.freezer import Freezer
from mmleaves.optim.leave_out_frozen import leave_out_frozen


@pytest.fixture
def mobilenet():
    init_default_scope("mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them
    from mmpretrain.registry import MODELS

    return MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=dict(type="MobileNetV2", widen_factor=0.25),
            neck=dict(type="GlobalAveragePooling"),
            head=dict(type="LinearClsHead", num_classes=3, in_channels=1280),
        )
    )


def test_groups_that_are_frozen_whole_leave_the_optimiser(mobilenet):
    freezer = Freezer(mobilenet, "classifier")
    backbone, head = mobilenet.backbone, mobilenet.head
    groups = [dict(params=list(part.parameters())) for part in (backbone, head)]
    # This one has its state from the start, for all.
    wrapper = OptimWrapper(torch.optim.Adagrad(groups, lr=1))
    leave_out_frozen(wrapper, freezer)
    (group,) = wrapper.optimizer.param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in head.parameters()}
    assert wrapper.state_dict()["state"].keys() == {0, 1}


def test_one_of_two_optimisers_may_hold_nothing(mobilenet):
    freezer = Freezer(mobilenet, "classifier")
    both = {
        part: OptimWrapper(torch.optim.SGD(getattr(mobilenet, part).parameters(), lr=1))
        for part in ("backbone", "head")
    }
    leave_out_frozen(OptimWrapperDict(**both), freezer)
    held = {part: one.optimizer.param_groups for part, one in both.items()}
    assert [len(group["params"]) for group in held["backbone"]] == [0]
    assert [len(group["params"]) for group in held["head"]] == [2]
    assert both["backbone"].get_lr() == {"lr": [1]}  # to be logged


def test_a_sharded_optimiser_saves_what_is_left(mobilenet):
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        sharded = ZeroRedundancyOptimizer(
            mobilenet.parameters(), torch.optim.Adagrad, lr=1
        )
        wrapper = OptimWrapper(sharded)
        leave_out_frozen(wrapper, Freezer(mobilenet, "classifier"))
        sharded.consolidate_state_dict()
        assert wrapper.state_dict()["state"].keys() == {0, 1}
    finally:
        torch.distributed.destroy_process_group()


def test_an_optimiser_of_frozen_parameters_alone_is_refused(mobilenet):
    freezer = Freezer(mobilenet, "classifier")
    wrapper = OptimWrapper(torch.optim.SGD(mobilenet.backbone.parameters(), lr=1))
    with pytest.raises(ValueError, match="found none of what is trained in an opt"):
        leave_out_frozen(wrapper, freezer)


def test_what_is_no_parameter_of_the_model_stays_in_an_optimiser(mobilenet):
    of_a_loss = nn.Parameter(torch.ones(2))
    head = list(mobilenet.head.parameters())
    named = [("loss.scale", of_a_loss), *mobilenet.named_parameters()]
    wrapper = OptimWrapper(torch.optim.SGD(named, lr=1))
    leave_out_frozen(wrapper, Freezer(mobilenet, "classifier"))
    (group,) = wrapper.optimizer.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in (of_a_loss, *head)]
    assert group["param_names"] == ["loss.scale", "head.fc.weight", "head.fc.bias"]
