"""Find a learning rate: train with ever higher ones and see how the loss answers.

After Smith, Cyclical learning rates for training neural networks, WACV 2017, section
3.3; the choice is that of fastai's ``valley``.
"""

import dataclasses
import math

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.freezing.policy import first_policy
from mmleaves.optim.side_run import side_run
from mmleaves.runner import FineTuneRunner

# A loss this many times the best one tells that the training diverges.
DIVERGED = 4
# Below this many iterations there is no curve to read.
FEWEST = 10
_SMOOTHING = 0.9


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Losses of a training whose learning rate rises from iteration to iteration.

    Attributes:
        rates: Learning rates, (N,).
        losses: Loss of each iteration, (N,), finite.
        ended: Why there are no more.
    """

    rates: np.ndarray
    losses: np.ndarray
    ended: str

    @property
    def smoothed(self) -> np.ndarray:
        """Losses as `smooth` gives them, (N,)."""
        return smooth(self.losses)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A learning rate, and the fall of the loss in whose middle it lies.

    Attributes:
        rate: The learning rate.
        index: Its iteration.
        fall: First and last iteration of the fall.
    """

    rate: float
    index: int
    fall: tuple[int, int]


def smooth(losses: np.ndarray) -> np.ndarray:
    """Return the exponential moving average of ``losses``, (N,), without its bias to 0.

    Args:
        losses: (N,).
    """
    mean, smoothed = 0.0, []
    for i, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed.append(mean / (1 - _SMOOTHING**i))
    return np.array(smoothed)


def sweep_rates(lowest: float, highest: float, count: int) -> np.ndarray:
    """Return ``count`` learning rates, each the same multiple of the one before."""
    if not 0 < lowest < highest:
        raise ValueError(
            f"--min-lr is {lowest:g} and --max-lr is {highest:g}, expected 0 < min < "
            "max."
        )
    if count < FEWEST:
        raise ValueError(
            f"--iters is {count}, expected {FEWEST} or more; 100 is usual."
        )
    return np.geomspace(lowest, highest, count)


def choose(sweep: Sweep) -> Choice:
    """Return the learning rate in the middle of the longest fall of the smoothed loss.

    The fall ends with the longest sequence of iterations, neighbours or not, each with
    a smaller loss than the one before, and is as long as that has members.

    Raises:
        ValueError: If the loss did not fall.
    """
    losses = sweep.smoothed
    lengths = np.ones(len(losses), int)
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and lengths[i] < lengths[j] + 1:
                lengths[i] = lengths[j] + 1
    if lengths.max(initial=0) < FEWEST // 2:
        raise ValueError(
            f"The loss did not fall in {len(losses)} iterations: {sweep.ended}. Start "
            "from a lower --min-lr, take more --iters, or look at the data."
        )
    last = int(lengths.argmax())
    first = max(0, last - int(lengths[last]))
    middle = (first + last) // 2
    return Choice(float(sweep.rates[middle]), middle, (first, last))


class _SweepHook(Hook):
    """Set the next rate before each iteration, keep its loss, and stop in time."""

    def __init__(self, rates: np.ndarray) -> None:
        self._rates = rates
        self.losses: list[float] = []
        self.ended = f"the highest rate, {rates[-1]:.3g}, was reached"

    def before_train(self, runner: Runner) -> None:
        # What each group has to this is kept, such as ten times for the classifier.
        base = runner.cfg.optim_wrapper.optimizer.lr
        self._factors = [
            group["lr"] / base for group in runner.optim_wrapper.param_groups
        ]

    def before_train_iter(self, runner: Runner, *_: object, **__: object) -> None:
        groups = runner.optim_wrapper.param_groups
        for group, factor in zip(groups, self._factors, strict=True):
            group["lr"] = factor * self._rates[runner.iter]

    def after_train_iter(
        self, runner: Runner, *_: object, outputs: dict, **__: object
    ) -> None:
        loss, rate = outputs["loss"].item(), self._rates[runner.iter]
        if not math.isfinite(loss):
            self.ended = f"at {rate:.3g} the loss was {loss}"
            runner.train_loop.stop_training = True
            return
        self.losses.append(loss)
        smoothed = smooth(np.array(self.losses))
        if smoothed[-1] > DIVERGED * smoothed.min():
            self.ended = f"at {rate:.3g} the loss was {DIVERGED} times the smallest"
            runner.train_loop.stop_training = True


def sweep(cfg: Config, rates: np.ndarray) -> Sweep:
    """Train with each of ``rates`` for an iteration, and return the losses.

    Model, weights, data, optimiser and what is frozen are those of the training's first
    epoch; its schedules stay out. Nothing is written.

    Args:
        cfg: The training's config.
        rates: Learning rates, ascending, (N,).
    """
    with side_run(cfg) as settings:
        settings.param_scheduler = []
        # An epoch's end means nothing here, and MMEngine's loop waits at each.
        sampler = settings.train_dataloader.sampler
        if sampler.type == "DefaultSampler":
            sampler.type = "InfiniteSampler"
        settings.trainable = first_policy(settings.get("trainable", "all"))
        # It would scale the rates that are set here.
        settings.auto_scale_lr = None
        # One rate a batch, one loss a rate.
        settings.optim_wrapper.accumulative_counts = 1
        settings.train_cfg = {
            "by_epoch": False,
            "max_iters": len(rates),
            "val_interval": len(rates) + 1,
        }
        runner = FineTuneRunner.from_cfg(settings)
        hook = _SweepHook(rates)
        runner.register_hook(hook, priority="LOWEST")
        runner.train()
    losses = np.array(hook.losses)
    return Sweep(rates[: len(losses)], losses, hook.ended)
