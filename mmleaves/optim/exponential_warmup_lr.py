from mmengine.optim import LinearLR

from mmleaves.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class ExponentialWarmupLR(LinearLR):
    """Raise the learning rate by the same factor at each step.

    Step ``s`` from 0 to ``n``, with ``n = end - begin - 1``, has the learning rate
    ``lr * start_factor ** (1 - s / n)``: the exponential warm-up of MMClassification
    0.x. The arguments are those of MMEngine's ``LinearLR``, so that ``type`` alone
    changes one into the other; here ``start_factor`` is above 0.

    Raises:
        ValueError: If ``start_factor`` or ``end_factor`` is not in (0, 1].
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        for name in ("start_factor", "end_factor"):
            if kwargs.get(name, 1) <= 0:
                raise ValueError(
                    f"ExponentialWarmupLR: {name} is {kwargs[name]}, expected a number "
                    "above 0: no factor makes a rate out of nothing. Use 0.01 or so."
                )
        super().__init__(*args, **kwargs)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            factor = self.start_factor
        else:
            factor = (self.end_factor / self.start_factor) ** (1 / self.total_iters)
        return [group["lr"] * factor for group in self.optimizer.param_groups]
