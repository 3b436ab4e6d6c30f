"""What the optimiser is told over a whole run, without training."""

import dataclasses
import math
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from mmengine.config import Config
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from torch.utils.data import DataLoader, Dataset

from mmleaves.model_config import fit_num_classes
from mmleaves.optim.side_run import side_run
from mmleaves.runner import FineTuneRunner


@dataclasses.dataclass(frozen=True)
class Curve:
    """Learning rate and momentum of a parameter group at each iteration of a run.

    Attributes:
        name: What the group holds.
        rates: (iterations,), float64.
        momenta: Momentum, or Adam's first beta, (iterations,), float64; None for an
            optimiser without.
    """

    name: str
    rates: np.ndarray
    momenta: np.ndarray | None


def schedule_curves(
    cfg: Config, *, iters_per_epoch: int | None = None
) -> tuple[list[Curve], int]:
    """Build a config's optimiser and schedules, and step them through the run.

    Args:
        cfg: The training's config.
        iters_per_epoch: Iterations an epoch; if given, no data are needed. Weights
            never are.

    Returns:
        A curve a parameter group, those alike in one; and the iterations an epoch.

    Raises:
        ValueError: If the run is not counted in epochs, the model cannot be built, or
            there are several optimisers.
    """
    epochs = cfg.train_cfg.get("max_epochs")
    if epochs is None:
        raise ValueError(
            "train_cfg.max_epochs is not set, so the run has no epochs to draw. Set it."
        )
    with side_run(cfg) as settings:
        loader = None
        if iters_per_epoch is not None:
            # How many classes there are changes no rate, and only data could tell.
            fit_num_classes(settings, 2)
            size = settings.train_dataloader.batch_size
            loader = DataLoader(_Length(iters_per_epoch * size), batch_size=size)
        runner = _runner(settings, loader)
        # The steps of MMEngine's `Runner.train` up to where it loads weights.
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise ValueError(
                "optim_wrapper: found several optimisers, "
                f"{', '.join(runner.optim_wrapper)}, expected one, whose groups are "
                "drawn. Draw a config with one of them at a time."
            )
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        schedulers = runner.build_param_scheduler(runner.param_schedulers or [])
        length = len(runner.train_dataloader)
        names = {id(p): name for name, p in runner.model.named_parameters()}
        return follow(runner.optim_wrapper, schedulers, epochs, length, names), length


class _Length(Dataset):
    """A data set that is but so long."""

    metainfo: ClassVar[dict] = {}

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


def _runner(cfg: Config, loader: DataLoader | None) -> FineTuneRunner:
    try:
        runner = FineTuneRunner.from_cfg(cfg)
    except (ImportError, KeyError, TypeError) as error:
        raise ValueError(
            "The model cannot be built, so its parameter groups are unknown: "
            f"{type(error).__name__}: {error}"
        ) from error
    if loader is not None:
        runner._train_dataloader = loader
    return runner


def follow(
    optim_wrapper: OptimWrapper,
    schedulers: list[_ParamScheduler],
    epochs: int,
    iters_per_epoch: int,
    names: dict[int, str],
) -> list[Curve]:
    """Step schedules as a training does, and return the curve of each group.

    Args:
        optim_wrapper: The optimiser; its settings change.
        schedulers: Its schedules, not stepped yet. Those that go by a metric see none.
        epochs: Epochs of the run.
        iters_per_epoch: Iterations an epoch.
        names: Names of the parameters by their ``id``, for groups without a ``name``.
    """
    alike: dict[tuple, list[dict]] = {}
    for group in optim_wrapper.optimizer.param_groups:
        alike.setdefault(_settings(group), []).append(group)
    # Groups that begin alike go on alike.
    shown = [groups[0] for groups in alike.values()]
    labels = [_names(groups, names) for groups in alike.values()]
    recorded = np.empty((epochs * iters_per_epoch, len(shown), 2))
    # The schedules want the optimiser to have gone ahead; without gradients it does
    # nothing.
    optim_wrapper.step()
    runner, hook = SimpleNamespace(param_schedulers=schedulers), ParamSchedulerHook()
    for epoch in range(epochs):
        for i in range(iters_per_epoch):
            recorded[epoch * iters_per_epoch + i] = [_settings(g) for g in shown]
            hook.after_train_iter(runner, i)
        hook.after_train_epoch(runner)
    curves = []
    for i, label in enumerate(labels):
        rates, momenta = recorded[:, i].T
        curves.append(Curve(label, rates, None if np.isnan(momenta[0]) else momenta))
    return curves


def _settings(group: dict) -> tuple[float, float]:
    # One NaN, as two are not equal.
    return group["lr"], group.get("momentum", group.get("betas", [math.nan])[0])


def _names(groups: list[dict], names: dict[int, str]) -> str:
    """Return what groups hold: by their names, or the parts of the model they are."""
    parts: list[str] = []
    for group in groups:
        if "name" in group:
            parts.append(group["name"])
        else:
            parts += [names[id(p)].split(".")[0] for p in group["params"]]
    return ", ".join(dict.fromkeys(parts))
