from mmleaves.optim.autocast_optim_wrapper import AutocastOptimWrapper
from mmleaves.optim.exponential_warmup_lr import ExponentialWarmupLR
from mmleaves.optim.fine_tune_constructor import FineTuneConstructor
from mmleaves.optim.linear_probe_loop import LinearProbeLoop
from mmleaves.optim.one_cycle_lr import OneCycleLR
from mmleaves.optim.one_cycle_momentum import OneCycleMomentum

__all__ = [
    "AutocastOptimWrapper",
    "ExponentialWarmupLR",
    "FineTuneConstructor",
    "LinearProbeLoop",
    "OneCycleLR",
    "OneCycleMomentum",
]
