from mmengine.optim import OneCycleLR as UpstreamOneCycleLR
from mmengine.optim import OptimWrapper

from mmleaves.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class OneCycleLR(UpstreamOneCycleLR):
    """One cycle, in which each parameter group has a peak of its own.

    Upstream's raises every group to one ``eta_max``, so that a classifier's tenfold
    rate is lost, and stores a function in the checkpoint. Here the peak is the learning
    rate that the optimiser was given, group by group, and ``eta_max`` stays out.

    References:
        Smith and Topin, Super-convergence, arXiv:1708.07120.
    """

    def _format_param(
        self, name: str, optimizer: OptimWrapper, param: float
    ) -> list[float]:
        if param:
            raise ValueError(
                f"OneCycleLR: found eta_max={param}, expected none: the peak is the "
                "optimiser's own rate. Set optim_wrapper.optimizer.lr instead."
            )
        # A warm-up that was built before has lowered "lr", and another cycle has its
        # own start as "initial_lr".
        return [
            group.get("max_lr", group.get("initial_lr", group["lr"]))
            for group in optimizer.param_groups
        ]

    def state_dict(self) -> dict:
        state = super().state_dict()
        del state["anneal_func"]
        return state
