"""Every backbone falls into parts, and nothing falls between them."""

import copy

import mmpretrain.models.backbones
import pytest
import torch
from freezing.conformance import CASES, NOT_BACKBONES, build

from mmleaves.freezing.parts import model_parts


def test_the_list_of_backbones_is_complete():
    named = {case.name for case in CASES} | set(NOT_BACKBONES)
    assert named == set(mmpretrain.models.backbones.__all__)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_tensor_is_in_one_part_and_the_parts_are_computed_in_order(case):
    model = build(case)
    parts = model_parts(model)
    names = [name for part in parts for name in part.parameters]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    buffers = [name for part in parts for name in part.buffers]
    assert sorted(buffers) == sorted(
        name for name, _ in model.named_buffers(remove_duplicate=False)
    )
    stages = [part for part in parts if part.kind == "stage"]
    assert len(stages) >= 3
    assert [part.stage for part in stages] == list(range(1, len(stages) + 1))
    assert all(part.parameters for part in stages)

    # A change in a stage is seen in its own output, and in no earlier one's.
    before = first_outputs(model, case, stages)
    middle = stages[len(stages) // 2]
    changed = copy.deepcopy(model)
    with torch.no_grad():
        for name in middle.parameters:
            changed.get_parameter(name).add_(0.05)
    after = first_outputs(changed, case, stages)
    differs = [not torch.equal(before[part.name], after[part.name]) for part in stages]
    assert not any(differs[: middle.stage - 1])
    assert differs[middle.stage - 1]


def first_outputs(model, case, stages):
    """Return the sum over what the modules of each stage give, without children."""
    from freezing.conformance import images, outputs

    model.eval()
    leaves = {
        part.name: [
            name
            for name in part.modules
            if not any(True for _ in model.get_submodule(name).children())
        ]
        for part in stages
    }
    names = [name for own in leaves.values() for name in own]
    seen = outputs(model, names, images(case, 0))
    return {
        part: torch.stack([seen[name].double().sum() for name in own if name in seen])
        for part, own in leaves.items()
    }
