import math

from mmengine.optim import _ParamScheduler
from mmengine.optim.scheduler.momentum_scheduler import MomentumSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF

from mmleaves.registry import PARAM_SCHEDULERS


def one_cycle_momentum(
    step: int, steps: int, *, base: float, peak: float, rising: float
) -> float:
    """Return the momentum at a step of one cycle: from ``peak`` to ``base`` and back.

    Args:
        step: From 0 to ``steps - 1``.
        steps: Length of the cycle.
        base: Momentum where the learning rate is highest.
        peak: Momentum at both ends.
        rising: Share of the steps in which the learning rate rises, in (0, 1).
    """
    turn = rising * steps - 1
    # Where the rise is shorter than a step, the cycle begins with the fall, as torch's.
    if turn > 0 and step <= turn:
        start, end, done = peak, base, step / turn
    else:
        start, end, done = base, peak, (step - turn) / (steps - 1 - turn)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))


@PARAM_SCHEDULERS.register_module()
class OneCycleMomentum(MomentumSchedulerMixin, _ParamScheduler):
    """Move the momentum, or Adam's first beta, against the rate of `OneCycleLR`.

    As ``cycle_momentum`` of torch's ``OneCycleLR``, which MMEngine's lacks.

    Args:
        optimizer: The optimiser or its wrapper.
        base_momentum: Momentum where the learning rate is highest, in [0, 1).
        max_momentum: Momentum at the start and at the end, in [0, 1).
        pct_start: Share of the steps in which the learning rate rises, as given to
            `OneCycleLR`.
        begin: First step of the cycle.
        end: Step after the last.
        **kwargs: Arguments of the base class.
    """

    def __init__(
        self,
        optimizer: object,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        pct_start: float = 0.3,
        *,
        begin: int = 0,
        end: int = INF,
        **kwargs: object,
    ) -> None:
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.pct_start = pct_start
        super().__init__(optimizer, begin=begin, end=end, **kwargs)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: object,
        epoch_length: int,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        **kwargs: object,
    ) -> "OneCycleMomentum":
        """Build one that counts iterations from settings in epochs."""
        begin, end = begin * epoch_length, min(end * epoch_length, INF)
        return cls(*args, begin=begin, end=end, by_epoch=False, **kwargs)

    def _get_value(self) -> list[float]:
        momentum = one_cycle_momentum(
            self.last_step,
            self.end - self.begin,
            base=self.base_momentum,
            peak=self.max_momentum,
            rising=self.pct_start,
        )
        return [momentum] * len(self.optimizer.param_groups)
