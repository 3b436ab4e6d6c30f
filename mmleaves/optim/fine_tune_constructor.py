"""Learning rates by the parts of a model, and no frozen parameter in the optimiser."""

import difflib
import logging
from collections.abc import Callable, Mapping

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from mmleaves.freezing.parts import Part, model_parts
from mmleaves.models.wrappers import unwrapped
from mmleaves.registry import OPTIM_WRAPPER_CONSTRUCTORS

_OURS = ("head_lr_mult", "layer_decay", "branch_lr_mult")
# What `paramwise_cfg` may have: ours, and what MMEngine's constructor reads.
PARAMWISE_KEYS = (
    *_OURS,
    "bias_decay_mult",
    "bias_lr_mult",
    "bypass_duplicate",
    "custom_keys",
    "dcn_offset_lr_mult",
    "dwconv_decay_mult",
    "flat_decay_mult",
    "norm_decay_mult",
)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class FineTuneConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, which also sets rates by the parts of any backbone.

    Parameters without a gradient are left out. Those of one rate and one decay make one
    group, whose ``name`` says which parts it holds.

    In ``paramwise_cfg``, beside what MMEngine knows:

    - ``head_lr_mult``: factor to the rate of what starts from random weights, the
      classifier, a neck, and what joins two branches.
    - ``layer_decay``: factor, in (0, 1], to the rate from each stage or block to the
      one before it; what follows the last stage has the full rate. By MMPretrain's own
      depths where a backbone has them (BEiT, Bao et al., ICLR 2022, appendix).
    - ``branch_lr_mult``: factor to the rate of each branch, by its name.

    Raises:
        ValueError: If a factor is none, or there is no such key or branch.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        model = unwrapped(model)
        groups: list[dict] = []
        # It tells of every single parameter. `logging.disable` would last for warnings:
        # MMLogger remembers what is off, and only its own `setLevel` clears that.
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            self.add_params(groups, model)
        finally:
            logger.setLevel(level)
        # A tensor that two layers share comes once for each of them.
        groups = list({id(group["params"][0]): group for group in groups}.values())
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        parts = model_parts(model)
        part_of = {name: part for part in parts for name in part.parameters}
        factor = self._factors(model, parts)
        for group in groups:
            name = names[id(group["params"][0])]
            part = part_of[name]
            if (times := factor(name, part)) != 1:
                group["lr"] = group.get("lr", self.base_lr) * times
            group["name"] = part.name
        optimizer_cfg = self.optimizer_cfg.copy()
        optimizer_cfg["params"] = _merge(groups, self.base_wd)
        optimizer = OPTIMIZERS.build(optimizer_cfg)
        wrapper_cfg = {"type": "OptimWrapper", **self.optim_wrapper_cfg}
        return OPTIM_WRAPPERS.build(wrapper_cfg, default_args={"optimizer": optimizer})

    def _factors(
        self, model: nn.Module, parts: list[Part]
    ) -> Callable[[str, Part], float]:
        """Return what gives the factor to the rate of a parameter of a part."""
        if unknown := sorted(set(self.paramwise_cfg) - set(PARAMWISE_KEYS)):
            near = difflib.get_close_matches(unknown[0], PARAMWISE_KEYS, n=1, cutoff=0)
            raise ValueError(
                f"optim_wrapper.paramwise_cfg has {unknown[0]!r}, which nothing reads, "
                f"expected one of {', '.join(sorted(PARAMWISE_KEYS))}. "
                f"Nearest: {near[0]}."
            )
        head, decay, branches = (self.paramwise_cfg.get(key) for key in _OURS)
        head = 1 if head is None else head
        decay = 1 if decay is None else decay
        branches = {} if branches is None else branches
        if not isinstance(branches, Mapping):
            raise ValueError(
                f"optim_wrapper.paramwise_cfg.branch_lr_mult is {branches!r}, expected "
                "a factor by each branch's name, such as dict(cnn=0.1)."
            )
        if not _is_factor(decay) or decay > 1:
            raise ValueError(
                f"optim_wrapper.paramwise_cfg.layer_decay is {decay!r}, expected a "
                "number above 0 and up to 1."
            )
        factors = {"head_lr_mult": head}
        factors |= {f"branch_lr_mult.{name}": own for name, own in branches.items()}
        for key, times in factors.items():
            if not _is_factor(times):
                raise ValueError(
                    f"optim_wrapper.paramwise_cfg.{key} is {times!r}, expected a "
                    "number above 0."
                )
        known = {part.branch for part in parts if part.branch}
        if unknown := set(branches) - known:
            there = f"the branches {sorted(known)}" if known else "no branches"
            raise ValueError(
                f"optim_wrapper.paramwise_cfg.branch_lr_mult names {min(unknown)!r}; "
                f"the model has {there}."
            )
        depths = _depths(model, parts) if decay != 1 else None

        def factor(name: str, part: Part) -> float:
            times = head if part.is_new else branches.get(part.branch, 1)
            return times * decay ** depths(name, part) if depths else times

        return factor


def _depths(model: nn.Module, parts: list[Part]) -> Callable[[str, Part], int]:
    """Return what gives how many steps of decay a parameter is from the classifier."""
    backbone = getattr(model, "backbone", None)
    if _tells_depths(backbone, parts):

        def upstream(name: str, part: Part) -> int:
            depth, count = backbone.get_layer_depth(name, "backbone.")
            # It takes tokens, positions and norms before the blocks for what follows.
            return count - 1 - (0 if part.kind == "stem" else depth)

        return upstream
    if any(part.kind == "trunk" for part in parts):
        raise ValueError(
            "optim_wrapper.paramwise_cfg.layer_decay goes by stages, and those of "
            f"{type(backbone or model).__name__} are not known. Set rates by names, "
            "with paramwise_cfg.custom_keys."
        )
    stages: dict[str, int] = {}
    for part in parts:
        stages[part.branch] = max(stages.get(part.branch, 0), part.stage)

    def ours(name: str, part: Part) -> int:
        if part.kind == "stem":
            return stages[part.branch] + 1
        return stages[part.branch] + 1 - part.stage if part.stage else 0

    return ours


def _tells_depths(backbone: nn.Module | None, parts: list[Part]) -> bool:
    """Return whether MMPretrain knows the depths of a backbone's stages.

    It refuses those of a ResNet of less than 50 layers, and takes all blocks of a HiViT
    for what follows the last.
    """
    if not hasattr(backbone, "get_layer_depth"):
        return False
    stages = [part for part in parts if part.kind == "stage"]
    try:
        depths = {
            backbone.get_layer_depth(part.parameters[0], "backbone.")[0]
            for part in stages
        }
    except NotImplementedError:
        return False
    return len(depths) > 1 or len(stages) == 1


def _is_factor(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _merge(groups: list[dict], decay: float | None) -> list[dict]:
    """Return the groups with those of the same settings made one."""
    merged: dict[tuple, dict] = {}
    for group in groups:
        settings = {key: group[key] for key in group if key not in ("params", "name")}
        key = tuple(sorted((k, repr(v)) for k, v in settings.items()))
        into = merged.setdefault(key, {"params": [], "names": [], **settings})
        into["params"] += group["params"]
        into["names"].append(group["name"])
    for group in merged.values():
        first, *_, last = [*group["names"], group["names"][-1]]
        del group["names"]
        group["name"] = first if first == last else f"{first} to {last}"
        if decay and group.get("weight_decay", decay) != decay:
            group["name"] += f", decay {group['weight_decay']:g}"
    return list(merged.values())
