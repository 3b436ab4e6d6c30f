"""Takes frozen parameters out of optimisers that another constructor built."""

from itertools import compress

from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmleaves.freezing.freezer import Freezer


def leave_out_frozen(
    wrapper: OptimWrapper | OptimWrapperDict, freezer: Freezer
) -> None:
    """Take what is never trained out of the optimisers, before they begin.

    What is no parameter of the model stays, such as one of a loss outside of it.

    Args:
        wrapper: Changed in place.
        freezer: Of the model that it optimises.

    Raises:
        ValueError: If this leaves nothing in any of them.
    """
    frozen = freezer.never_trained_tensors
    is_dict = isinstance(wrapper, OptimWrapperDict)
    optimizers = [w.optimizer for w in (wrapper.values() if is_dict else [wrapper])]
    for optimizer in optimizers:
        # ZeroRedundancyOptimizer has its state in another optimiser.
        state = getattr(optimizer, "optim", optimizer).state
        for group in optimizer.param_groups:
            stays = [id(p) not in frozen for p in group["params"]]
            for parameter, kept in zip(group["params"], stays, strict=True):
                if not kept:
                    # Adagrad has one from the start.
                    state.pop(parameter, None)
            for key in {"params", "param_names"} & group.keys():
                group[key] = list(compress(group[key], stays))
    if not any(g["params"] for o in optimizers for g in o.param_groups):
        raise ValueError(
            "optim_wrapper: found none of what is trained in an optimiser, but "
            f"frozen parameters alone, as trainable={freezer.setting!r}. Let the "
            "constructor take what is trained too, or leave it out: the default "
            "takes that."
        )
    for optimizer in optimizers:
        # ZeroRedundancyOptimizer has another list of as many groups inside.
        if not hasattr(optimizer, "optim"):
            _drop_empty_groups(optimizer.param_groups)


def _drop_empty_groups(groups: list[dict]) -> None:
    """Drop them in place, as some optimisers look at the first tensor of the first.

    If all are empty, one stays, whose rate is logged.
    """
    groups[:] = [group for group in groups if group["params"]] or groups[:1]
