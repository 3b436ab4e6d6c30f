"""Which parameters of a model a freeze policy trains."""

import re
from collections.abc import Sequence

from torch import nn

from mmleaves.freezing.parts import Part
from mmleaves.freezing.policy import Policy

# Children or parameters that make a module one of self-attention.
_QUERIES = ("qkv", "q", "q_proj", "q_bias", "query", "to_q", "to_qkv", "in_proj_weight")


def select(model: nn.Module, parts: Sequence[Part], policy: Policy) -> set[str]:
    """Return the names of the parameters that ``policy`` trains.

    Args:
        model: An image classifier.
        parts: Those parts of it that the policy is for; what is new among them is
            trained in any case.
        policy: What to train.

    Raises:
        ValueError: If the model cannot follow it; says what there is.
    """
    new = {name for part in parts if part.is_new for name in part.parameters}
    trunk = [part for part in parts if not part.is_new]
    if policy.kind == "classifier":
        return new
    chosen = _SELECTORS[policy.kind](model, trunk, policy)
    return new | chosen


def _all(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    return {name for part in trunk for name in part.parameters}


def _last(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    stages = [part for part in trunk if part.kind == "stage"]
    if not stages:
        raise ValueError(
            f"trainable='{policy}' counts stages, and those of "
            f"{_backbone(model, trunk)} are not known. Use names:PATTERN; its "
            f"parameters begin with {', '.join(_beginnings(trunk))}."
        )
    if policy.count > len(stages):
        raise ValueError(
            f"trainable='{policy}', but {_backbone(model, trunk)} has {len(stages)} "
            f"{stages[0].unit}s: {', '.join(part.name for part in stages)}. Count no "
            "more than these."
        )
    frozen = policy.count
    if policy.kind == "last":
        frozen = len(stages) - policy.count
    return {
        name
        for part in trunk
        for name in part.parameters
        if (part.stage > frozen if part.stage else part.kind != "stem")
        and frozen < len(stages)
    }


def _attention(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    found = attention_modules(model, trunk)
    blocks = list(dict.fromkeys(map(_block, found)))
    if policy.count > len(blocks):
        raise ValueError(
            f"trainable='{policy}', but {_backbone(model, trunk)} has "
            + (f"{len(blocks)} blocks" if blocks else "no blocks")
            + " with self-attention"
            + (
                f", from {blocks[0]} to {blocks[-1]}. Ask for no more than these."
                if blocks
                else ". Use last:N or all-but-first:N, which count its stages."
            )
        )
    chosen, last = set(), blocks[-policy.count :]
    for name in (name for name in found if _block(name) in last):
        for inner, module in model.get_submodule(name).named_modules(prefix=name):
            if not is_norm(module):
                own = module.named_parameters(prefix=inner, recurse=False)
                chosen |= {parameter for parameter, _ in own}
    return chosen


def _norms(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    chosen = {
        parameter
        for part in trunk
        for name in part.modules
        if is_norm(model.get_submodule(name))
        for parameter, _ in model.get_submodule(name).named_parameters(
            prefix=name, recurse=False
        )
    }
    if not chosen:
        raise ValueError(
            f"trainable='norms', but {_backbone(model, trunk)} has no normalisation "
            "layers with parameters. Use biases, last:N or names:PATTERN."
        )
    return chosen


def _biases(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    names = _all(model, trunk, policy)
    # MMPretrain's GRN calls its bias so.
    chosen = {n for n in names if re.search(r"[._]bias$|(?:^|\.)grn\.beta$", n)}
    if not chosen:
        raise ValueError(
            f"trainable='biases', but {_backbone(model, trunk)} has no biases. Use "
            "norms, last:N or names:PATTERN."
        )
    return chosen


def _lora(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    return {name for name in _all(model, trunk, policy) if ".lora_" in name}


def _names(model: nn.Module, trunk: list[Part], policy: Policy) -> set[str]:
    names = _all(model, trunk, policy)
    chosen = {name for name in names if re.search(policy.pattern, name)}
    if not chosen:
        raise ValueError(
            f"trainable='{policy}' matches no parameter of {_backbone(model, trunk)}. "
            f"Their names begin with {', '.join(_beginnings(trunk))}. Correct the "
            "pattern, a regular expression that is searched for in them."
        )
    return chosen


_SELECTORS = {
    "all": _all,
    "last": _last,
    "all-but-first": _last,
    "attention": _attention,
    "norms": _norms,
    "biases": _biases,
    "lora": _lora,
    "names": _names,
}


def attention_modules(model: nn.Module, trunk: Sequence[Part]) -> list[str]:
    """Return the names of the modules of self-attention in the stages, in order."""
    # The parts come in the order of computation, the modules of each in the model's.
    inside = (name for part in trunk if part.stage for name in part.modules)
    return [name for name in inside if _has_queries(model.get_submodule(name))]


def _block(name: str) -> str:
    """Return the block that a module is in: TNT and DaViT have two of attention in one.

    It is the innermost that is numbered, as ``backbone.stages.2.blocks.3``.
    """
    match = re.match(r"(.*[._]\d+)(?:\.|$)", name)
    return match[1] if match else name


def _has_queries(module: nn.Module) -> bool:
    own = {name for name, _ in module.named_children()}
    own |= {name for name, _ in module.named_parameters(recurse=False)}
    return not own.isdisjoint(_QUERIES)


def is_norm(module: nn.Module) -> bool:
    """Return whether it is a normalisation layer: by its name, as all there are."""
    own = {name for name, _ in module.named_parameters(recurse=False)}
    if type(module).__name__ == "GRN":  # MMPretrain's, of ConvNeXt V2
        return True
    # Containers have "norm" in their names too, and parameters of other kinds.
    return "norm" in type(module).__name__.lower() and own <= {"weight", "bias"}


def _backbone(model: nn.Module, trunk: Sequence[Part]) -> str:
    backbone = getattr(model, "backbone", None) or model
    branches = {part.branch for part in trunk if part.branch}
    if len(branches) == 1:
        backbone = backbone.branches[branches.pop()]
    return type(backbone).__name__


def _beginnings(trunk: Sequence[Part]) -> list[str]:
    names = [name for part in trunk for name in part.parameters]
    starts = (re.match(r"[^.]+(?:\.[^.]+){0,2}", name) for name in names)
    return list(dict.fromkeys(start[0] for start in starts if start))
