"""Every backbone under the policies that matter most; the whole table takes longer."""

import itertools
from dataclasses import replace

import pytest
from freezing.conformance import CASES, NOTES, POLICIES, TIMM_CASES, build, try_policy
from freezing.write_table import PAGE, format_table

# One of each kind of net under every policy.
REFUSED = {
    ("BEiTViT", "lora:2"),
    *itertools.product(("MobileNetV2", "ResNet"), ("attention:1", "lora:2")),
}
WHOLE = ("BEiTViT", "DeiT3", "EdgeNeXt", "MobileNetV2", "ResNet", "VisionTransformer")


@pytest.mark.parametrize("case", [*CASES, *TIMM_CASES], ids=lambda case: case.name)
def test_what_is_frozen_stays_frozen(case):
    model = build(case)
    policies = POLICIES if case.name in WHOLE else ("all-but-first:1",)
    refused = {}
    for policy in policies:
        try:
            try_policy(model, case, policy)
        except ValueError as refusal:
            refused[case.name, policy] = str(refusal)
    assert refused.keys() == {
        (name, policy)
        for name, policy in REFUSED
        if name == case.name and policy in policies
    }, refused


def test_a_reversible_vit_as_it_ships_refuses_as_many_policies_as_the_page_says():
    (case,) = [case for case in CASES if case.name == "RevVisionTransformer"]
    assert case.settings["no_custom_backward"]
    shipped = replace(case, settings=case.settings | dict(no_custom_backward=False))
    model, refused = build(shipped), 0
    for policy in POLICIES:
        try:
            try_policy(model, shipped, policy)
        except ValueError as refusal:
            refused += 1
            assert "Set no_custom_backward=True in model.backbone" in str(refusal)
    (note,) = NOTES
    assert f"{refused} of the {len(POLICIES)} policies are refused" in note
    written = format_table([], 0, "", {"CSPNet": "a base"}).splitlines()
    assert note in written
    assert note in PAGE.read_text("utf-8").splitlines()


def test_a_frozen_tensor_that_moves_is_found():
    """The check can fail: a hook writes to a frozen weight in the second step."""
    (case,) = [case for case in CASES if case.name == "ResNet"]
    model = build(case)

    def leak(module, inputs, output):
        if module.training and output[0].requires_grad:
            module.get_parameter("layer1.0.conv1.weight").data.add_(1e-3)

    model.backbone.register_forward_hook(leak)
    try_policy(model, case, "all")
    with pytest.raises(AssertionError, match="a frozen tensor has changed"):
        try_policy(model, case, "all-but-first:1")
