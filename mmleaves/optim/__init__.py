from mmleaves.optim.autocast_optim_wrapper import AutocastOptimWrapper

__all__ = ["AutocastOptimWrapper"]
