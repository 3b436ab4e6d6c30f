"""What a freeze policy, or one for each branch, trains from which epoch on."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from torch import nn

from mmleaves.freezing.parts import Part, model_parts
from mmleaves.freezing.policy import Policy, Setting, parse_steps
from mmleaves.freezing.selection import select


def plans_of(model: nn.Module, setting: Setting) -> dict[str, list[tuple[int, Policy]]]:
    """Return the policies over time of each branch; of ``""`` in a net without.

    Raises:
        ValueError: If the setting gives policies to other branches than the model's.
    """
    parts = model_parts(model)
    branches = list(dict.fromkeys(part.branch for part in parts if part.branch))
    if not isinstance(setting, Mapping):
        return {branch: parse_steps(setting) for branch in branches or [""]}
    if set(setting) != set(branches):
        raise ValueError(
            f"trainable={dict(setting)!r} gives policies by branch to "
            f"{', '.join(map(repr, setting))}; the model has "
            + (
                f"the branches {', '.join(map(repr, branches))}. Give each a policy."
                if branches
                else "none. Give one policy, such as trainable='classifier'."
            )
        )
    return {branch: parse_steps(setting[branch]) for branch in branches}


def timeline(
    model: nn.Module,
    parts: Sequence[Part],
    plans: Mapping[str, list[tuple[int, Policy]]],
    *,
    shared: bool,
    constants: set[str],
) -> list[tuple[int, set[str]]]:
    """Return what is trained from which epoch on, all branches together.

    Args:
        model: The model, with low-rank layers if they are asked for.
        parts: Its parts.
        plans: Those of `plans_of`.
        shared: Whether all branches have one policy.
        constants: Names of the parameters that the model itself keeps fixed.

    Raises:
        ValueError: If the model cannot follow a policy.
    """
    changes = []
    for branch, steps in plans.items():
        # What stands after the branches, such as a neck, goes by each of them.
        own = [part for part in parts if part.branch in ("", branch)]
        for epoch, policy in _spread(own, steps):
            # A pattern without a branch of its own may be meant for any of them.
            over = parts if policy.kind == "names" and shared else own
            trained = select(model, over, policy)
            _refuse_constants(policy, over, trained & constants, trained)
            changes.append((epoch, branch, trained))
    now: dict[str, set[str]] = {}
    found = []
    for epoch, group in groupby(sorted(changes, key=lambda c: c[0]), lambda c: c[0]):
        now |= {branch: trained for _, branch, trained in group}
        found.append((epoch, set().union(*now.values())))
    return found


def _refuse_constants(
    policy: Policy, parts: Sequence[Part], constants: set[str], trained: set[str]
) -> None:
    """Refuse a policy all of whose choice in the trunk the model itself keeps fixed."""
    # What these two choose is clear without: all that the model lets be trained.
    if policy.kind in ("all", "classifier"):
        return
    chosen = {n for p in parts if not p.is_new for n in p.parameters} & trained
    if chosen and chosen <= constants:
        raise ValueError(
            f"trainable='{policy}' chooses {len(chosen)} tensors of the backbone, such "
            f"as {min(chosen)}, and the model itself has all of them fixed "
            "(requires_grad=False), as by frozen_stages, or requires_grad=False in "
            "norm_cfg. Take that out of model.backbone, or choose another policy."
        )


def _spread(
    parts: Sequence[Part], steps: list[tuple[int, Policy]]
) -> list[tuple[int, Policy]]:
    """Return ``steps`` with a gradual policy spelt out."""
    ((_, policy), *_) = steps
    if policy.kind != "gradual":
        return steps
    stages = sum(part.kind == "stage" for part in parts)
    each = [Policy("last", count) for count in range(stages + 1)]
    return [(policy.count * i, step) for i, step in enumerate([*each, Policy("all")])]
