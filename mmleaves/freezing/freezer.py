"""Applies a freeze policy to a model, now and in later epochs."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmleaves.freezing.lora import add_lora
from mmleaves.freezing.parts import Part, model_parts
from mmleaves.freezing.policy import Setting
from mmleaves.freezing.timeline import plans_of, timeline

_LISTS = (nn.ModuleList, nn.ModuleDict)


class Freezer:
    """What of a model is trained in each epoch of a run.

    Args:
        model: An image classifier; low-rank layers are added to it if they are asked
            for. Parameters that have no gradient yet are constants, and stay so.
        setting: The freeze policy, see `mmleaves.freezing.policy`.

    Raises:
        ValueError: If the setting is none, or the model cannot follow it.
    """

    def __init__(self, model: nn.Module, setting: Setting) -> None:
        self.model = model
        self.setting = setting
        self._held = -1
        self._in_eval: list[nn.Module] = []
        # Where ``frozen_stages`` is set, most backbones follow it only in here.
        model.train(model.training)
        constants = {name for name, p in _parameters(model) if not p.requires_grad}
        plans = plans_of(model, setting)
        for branch, steps in plans.items():
            ranks = {policy.count for _, policy in steps if policy.kind == "lora"}
            if len(ranks) > 1:
                raise ValueError(
                    f"trainable={setting!r} asks for LoRA of the ranks "
                    f"{', '.join(map(str, sorted(ranks)))}, expected one: the layers "
                    "are added once, before the training. Give all steps one rank."
                )
            for rank in ranks:
                add_lora(model, rank, branch=branch or None)
        self.parts = model_parts(model)
        self.steps = [
            (epoch, frozenset(trained - constants))
            for epoch, trained in timeline(
                model,
                self.parts,
                plans,
                shared=not isinstance(setting, Mapping),
                constants=constants,
            )
        ]
        for step, (epoch, trained) in enumerate(self.steps):
            self._refuse_reversible(trained)
            self._refuse_norms_of_the_batch(step)
            if not trained:
                raise ValueError(
                    f"trainable={setting!r} trains nothing from epoch {epoch} on: the "
                    f"classifier of {type(model).__name__} has no parameters, or all "
                    "have requires_grad=False. Train more, such as trainable='last:1', "
                    "or give the model a head with a linear layer."
                )

    def _refuse_reversible(self, trained: frozenset[str]) -> None:
        # A backward pass of its own, which no gradient reaches past a frozen stem.
        frozen = _frozen_parts(self.parts, trained)
        for name, module in self.model.named_modules():
            if getattr(module, "no_custom_backward", True):
                continue
            inside = [p for p in self.parts if _root(p) == name]
            stem = [part for part in inside if part.kind == "stem"]
            stages = [part for part in inside if part.kind == "stage"]
            if all(p in frozen for p in stem) and not all(p in frozen for p in stages):
                raise ValueError(
                    f"trainable={self.setting!r} freezes the stem of a "
                    f"{type(module).__name__}, whose own backward pass then gives its "
                    f"blocks no gradients. Set no_custom_backward=True in model.{name}."
                )

    def _refuse_norms_of_the_batch(self, step: int) -> None:
        frozen = _frozen_parts(self.parts, self.trained(step))
        for name in (name for part in frozen for name in part.modules):
            module = self.model.get_submodule(name)
            if isinstance(module, _BatchNorm) and module.running_mean is None:
                by_policy = f"trainable={self.setting!r}"
                who = "the model's own setting" if self.setting == "all" else by_policy
                raise ValueError(
                    f"{who} freezes {name}, a "
                    f"{type(module).__name__} with track_running_stats=False: it goes "
                    "by the batch at hand, so that one image has another output in "
                    "each batch. Let it keep statistics, or train its part."
                )

    @property
    def ever_trained(self) -> frozenset[str]:
        """Names of the parameters that are trained at some time of the run."""
        return frozenset().union(*(trained for _, trained in self.steps))

    def step(self, epoch: int) -> int:
        """Return which of ``steps`` epoch number ``epoch``, from 0, is in."""
        return sum(first <= epoch for first, _ in self.steps) - 1

    def trained(self, step: int) -> frozenset[str]:
        return self.steps[step][1]

    def apply(self, step: int) -> None:
        """Give gradients to what is trained in a step, and to nothing else."""
        self._apply(self.trained(step))

    def apply_ever_trained(self) -> None:
        """Give gradients to what is trained at some time: what an optimiser holds."""
        self._apply(self.ever_trained)

    def _apply(self, names: frozenset[str]) -> None:
        trained = self._tensors(names)
        for _, parameter in _parameters(self.model):
            parameter.requires_grad_(id(parameter) in trained)
            if id(parameter) not in trained:
                parameter.grad = None

    @property
    def never_trained_tensors(self) -> set[int]:
        """The ``id`` of each parameter of the model that is trained at no time."""
        all_of_it = {id(p) for _, p in _parameters(self.model)}
        return all_of_it - self._tensors(self.ever_trained)

    def trained_tensors(self, step: int) -> set[int]:
        """Return the ``id`` of each parameter that is trained in a step."""
        return self._tensors(self.trained(step))

    def _tensors(self, names: frozenset[str]) -> set[int]:
        # A tensor that two layers share has two names, and is trained under either.
        return {id(p) for name, p in _parameters(self.model) if name in names}

    def modules_in_eval(self, step: int) -> list[nn.Module]:
        """Return the modules that behave as in evaluation while a step lasts.

        All of a part that is wholly frozen, so that its dropout is off, and elsewhere
        the norms whose weight is frozen, so that their statistics stay.
        """
        trained = self.trained(step)
        frozen = _frozen_parts(self.parts, trained)
        names = {name for part in frozen for name in part.modules}
        names |= _roots(self.parts, frozen)
        for name, module in self.model.named_modules():
            has_statistics = "running_mean" in module._buffers
            if has_statistics and module.weight is not None:
                if f"{name}.weight" in trained:
                    names.discard(name)
                else:
                    names.add(name)
        return [module for name, module in self.model.named_modules() if name in names]

    def frozen_modules(self, step: int) -> set[str]:
        """Return the names of the modules that a step leaves as they are, whole."""
        still = set(self.modules_in_eval(step))
        # Lists of modules do nothing themselves.
        lists = {m for m in self.model.modules() if isinstance(m, _LISTS)}
        trained = self.trained_tensors(step)
        return {
            name
            for name, module in self.model.named_modules()
            if module in still
            and (still | lists).issuperset(module.modules())
            and not any(id(p) in trained for p in module.parameters())
        }

    def hold(self, step: int) -> None:
        """Put those modules into evaluation mode, after ``model.train()``."""
        modules = self.modules_in_eval(step) if step != self._held else self._in_eval
        self._held, self._in_eval = step, modules
        if not any(module.training for module in modules):
            return
        inside = set(modules)
        for module in modules:
            if inside.issuperset(module.modules()):
                # Some prepare themselves for evaluation in a `train` of their own.
                module.eval()
            else:
                module.training = False

    def frozen_tensors(self, step: int) -> dict[str, Tensor]:
        """Return the parameters and buffers that a step must leave as they are."""
        trained = self.trained_tensors(step)
        tensors = {n: p for n, p in _parameters(self.model) if id(p) not in trained}
        still = {id(module) for module in self.modules_in_eval(step)}
        for name, module in self.model.named_modules():
            if id(module) in still:
                for key, buffer in module.named_buffers(prefix=name, recurse=False):
                    tensors[key] = buffer
        return tensors


def _root(part: Part) -> str:
    return f"backbone.branches.{part.branch}" if part.branch else "backbone"


def _frozen_parts(parts: Sequence[Part], trained: frozenset[str]) -> list[Part]:
    trunk = [part for part in parts if not part.is_new]
    active = {p.branch for p in trunk if not trained.isdisjoint(p.parameters)}
    return [
        part
        for part in trunk
        if trained.isdisjoint(part.parameters)
        # One without parameters, such as dropout, is frozen with all of its trunk.
        and (part.parameters or part.branch not in active)
    ]


def _roots(parts: Sequence[Part], frozen: Sequence[Part]) -> set[str]:
    """Return the names of the backbones all parts of which are frozen."""
    inside = [part for part in parts if part.kind not in ("neck", "head")]
    active = {part.branch for part in inside if part not in frozen}
    branches = {part.branch for part in inside if part.branch}
    roots = {f"backbone.branches.{branch}" for branch in branches - active}
    return roots if active else {*roots, "backbone"}


def _parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(model.named_parameters(remove_duplicate=False))
