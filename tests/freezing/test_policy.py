"""How a freeze policy is written."""

import pytest

from mmleaves.freezing.policy import Policy, parse_policy, parse_steps


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("all", Policy("all")),
        ("classifier", Policy("classifier")),
        ("last:2", Policy("last", 2)),
        ("last:0", Policy("last", 0)),
        ("all-but-first:3", Policy("all-but-first", 3)),
        ("attention:12", Policy("attention", 12)),
        ("norms", Policy("norms")),
        ("biases", Policy("biases")),
        ("lora:8", Policy("lora", 8)),
        ("gradual:2", Policy("gradual", 2)),
        (r"names:layer4\..*:x", Policy("names", pattern=r"layer4\..*:x")),
    ],
)
def test_each_policy_is_read_and_written_alike(text, policy):
    assert parse_policy(text) == policy
    assert str(policy) == text


@pytest.mark.parametrize(
    "text",
    [
        *("head", "last", "last:", "last:x", "last:-1", "last:1.5", "Last:2", "all:2"),
        *("lora:0", "attention:0", "names:", ""),
    ],
)
def test_what_is_no_policy_is_refused_with_those_there_are(text):
    with pytest.raises(ValueError, match=r"is not a freeze policy; there are all, cla"):
        parse_policy(text)


def test_a_pattern_that_cannot_be_read_says_why():
    with pytest.raises(ValueError, match=r"'layer\(' is no regular expression: missin"):
        parse_policy("names:layer(")


def test_policies_over_time_begin_at_the_epochs_they_name():
    assert parse_steps(["classifier", "last:1@2", "all@5"]) == [
        (0, Policy("classifier")),
        (2, Policy("last", 1)),
        (5, Policy("all")),
    ]


def test_an_at_sign_in_a_pattern_is_none_of_an_epoch():
    assert parse_steps("names:a@b") == [(0, Policy("names", pattern="a@b"))]


@pytest.mark.parametrize(
    "setting",
    [[], ["classifier@1"], ["classifier", "all"], ["classifier", "all@3", "norms@2"]],
)
def test_epochs_that_do_not_rise_from_the_start_are_refused(setting):
    with pytest.raises(ValueError, match="does not say what is trained when: the firs"):
        parse_steps(setting)


def test_gradual_is_not_mixed_with_others():
    with pytest.raises(ValueError, match="gradual is a list of policies over time its"):
        parse_steps(["classifier", "gradual:1@2"])
