"""MMPretrain's registries with ours as their children, in scope ``mmleaves``.

Configs write ``type="mmleaves.X"`` and keep ``default_scope = "mmpretrain"``: under a
scope of our own, upstream's ``PreciseBNHook`` is not found and ``EMAHook`` silently
becomes MMEngine's, since a registry does not import its parent's modules.
"""

import warnings

from mmengine.registry import RUNNERS as ROOT_RUNNERS
from mmengine.registry import Registry

# mmcv-lite has no compiled operators, and no classifier needs them.
warnings.filterwarnings("ignore", "Fail to import ``MultiScaleDeformable")

from mmpretrain import registry as upstream  # noqa: E402


def _child(parent: Registry, module: str) -> Registry:
    modules = [f"mmleaves.{module}"]
    return Registry(parent.name, parent=parent, scope="mmleaves", locations=modules)


DATASETS = _child(upstream.DATASETS, "datasets")
TRANSFORMS = _child(upstream.TRANSFORMS, "transforms")
HOOKS = _child(upstream.HOOKS, "hooks")
LOOPS = _child(upstream.LOOPS, "optim")
METRICS = _child(upstream.METRICS, "metrics")
MODELS = _child(upstream.MODELS, "models")
OPTIM_WRAPPERS = _child(upstream.OPTIM_WRAPPERS, "optim")
OPTIM_WRAPPER_CONSTRUCTORS = _child(upstream.OPTIM_WRAPPER_CONSTRUCTORS, "optim")
PARAM_SCHEDULERS = _child(upstream.PARAM_SCHEDULERS, "optim")
# The stock tools look for `runner_type` in MMEngine's own registry, before any scope
# is set, and a registry finds its children but not its grandchildren.
RUNNERS = _child(ROOT_RUNNERS, "runner")
