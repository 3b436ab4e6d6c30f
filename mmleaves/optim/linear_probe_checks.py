"""What a training of many linear classifiers at once refuses."""

from collections.abc import Mapping

import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_world_size
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn
from torch.utils.data import BatchSampler

from mmleaves.cache.feature_loader import FeatureLoader
from mmleaves.cache.frozen_trunk import near
from mmleaves.freezing.policy import parse_steps
from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.models.wrappers import unwrapped

_LOSSES = ("CrossEntropyLoss", "LabelSmoothLoss")
# What the batched updates know nothing of, where it is not as here.
_PLAIN_LOSS = {
    "use_sigmoid": False,
    "pos_weight": None,
    "reduction": "mean",
    "loss_weight": 1.0,
}
_PLAIN_OPTIMIZER = {
    "nesterov": False,
    "dampening": 0,
    "amsgrad": False,
    "maximize": False,
}
INSTEAD = "or train one classifier with the usual loop."


def check_run(loop: EpochBasedTrainLoop) -> None:
    """Refuse what the loop would not do as the usual one does.

    Raises:
        ValueError: If there is something; says what to set.
    """
    runner = loop.runner
    if runner.val_loop is None:
        raise ValueError(
            "LinearProbeLoop chooses by the validation part, and the run has none. "
            "Leave out --no-validate."
        )
    if get_world_size() > 1 or is_model_wrapper(runner.model):
        raise ValueError("LinearProbeLoop runs in one process. Leave out torchrun.")
    if runner._resume:
        raise ValueError(
            "LinearProbeLoop has no epochs to go on from: it takes seconds. Start "
            "it anew without --resume."
        )
    setting = runner.cfg.get("trainable", "all")
    plans = setting.values() if isinstance(setting, Mapping) else [setting]
    if any([p.kind for _, p in parse_steps(plan)] != ["classifier"] for plan in plans):
        raise ValueError(
            f"LinearProbeLoop trains the classifier alone, and trainable={setting!r} "
            f"more. Set trainable=classifier, {INSTEAD}"
        )
    if any(isinstance(hook, EMAHook) for hook in runner.hooks):
        raise ValueError(
            "LinearProbeLoop averages no weights, and the config has an EMAHook. "
            f"Take it out of custom_hooks, {INSTEAD}"
        )
    if any("loss" in recipe for recipe in later_recipes(runner.hooks)):
        raise ValueError(
            "LinearProbeLoop trains with one loss, and a SwitchRecipeHook changes it. "
            f"Take the hook out of custom_hooks, {INSTEAD}"
        )
    sampler, batches = loop.dataloader.sampler, loop.dataloader.batch_sampler
    if (
        not isinstance(sampler, DefaultSampler)
        or not sampler.shuffle
        or type(batches) is not BatchSampler
    ):
        raise ValueError(
            "LinearProbeLoop takes the images in the order of a DefaultSampler "
            f"with shuffle=True, and train_dataloader has a "
            f"{type(sampler).__name__}. Set its `sampler`, {INSTEAD}"
        )
    model = unwrapped(runner.model)
    linear_layer(model.head)
    _check_loss(model.head.loss_module)
    _check_optimizer(runner.optim_wrapper)


def _check_loss(loss: nn.Module) -> None:
    name = type(loss).__name__
    if name not in _LOSSES:
        raise ValueError(
            f"LinearProbeLoop trains with {' or '.join(_LOSSES)}, and model.head."
            f"loss is a {name}. Set its `type`, {INSTEAD}"
        )
    # A LabelSmoothLoss holds the other.
    plain = {**_PLAIN_LOSS, "use_soft": hasattr(loss, "ce")}
    found = {**vars(getattr(loss, "ce", loss)), "loss_weight": loss.loss_weight}
    _refuse({k: found[k] for k in plain}, plain, f"model.head.loss, a {name},")


def _check_optimizer(wrapper: OptimWrapper) -> None:
    kind = type(wrapper.optimizer).__name__
    if kind not in ("AdamW", "SGD") or wrapper.clip_grad_kwargs:
        raise ValueError(
            "LinearProbeLoop trains with AdamW or SGD without clip_grad, and the "
            f"config has {kind}. Set optim_wrapper.optimizer.type, {INSTEAD}"
        )
    first, *others = wrapper.optimizer.param_groups
    if others:
        raise ValueError(
            "LinearProbeLoop trains weights and biases at one rate and decay, and "
            f"the optimiser has {1 + len(others)} groups of them. Take "
            f"`paramwise_cfg` out of optim_wrapper, {INSTEAD}"
        )
    plain = {k: v for k, v in _PLAIN_OPTIMIZER.items() if k in first}
    _refuse({k: first[k] for k in plain}, plain, "optim_wrapper.optimizer")
    if wrapper._accumulative_counts != 1:
        raise ValueError(
            "LinearProbeLoop updates after each batch, and optim_wrapper has "
            f"accumulative_counts={wrapper._accumulative_counts}. Set it to 1 and "
            f"train_dataloader.batch_size to what is accumulated, {INSTEAD}"
        )


def _refuse(found: dict, plain: dict, where: str) -> None:
    if odd := [key for key, value in found.items() if value != plain[key]]:
        raise ValueError(
            f"LinearProbeLoop knows nothing of {odd[0]}={found[odd[0]]!r}, which "
            f"{where} has. Set it to {plain[odd[0]]!r}, {INSTEAD}"
        )


def check_features(loop: EpochBasedTrainLoop) -> None:
    """Refuse features that are not what the classifier gets.

    Raises:
        ValueError: If they are not, or none are kept.
    """
    loader = loop.runner.val_loop.dataloader
    if not isinstance(loop.dataloader, FeatureLoader):
        raise ValueError(
            "LinearProbeLoop trains on features that are kept, and there are none. "
            "Set trainable='classifier' and feature_cache=dict(views=...)."
        )
    model = unwrapped(loop.runner.model)
    linear = linear_layer(model.head)
    batch = next(iter(loader))
    calls = []
    hook = linear.register_forward_hook(lambda _, i, o: calls.append((i[0], o)))
    model.eval()
    with torch.no_grad():
        batch = model.data_preprocessor(batch)
        predicted = model(**batch, mode="predict")
    hook.remove()
    kept = batch["inputs"].tensors[-1].float().flatten(1)
    probs = torch.stack([sample.pred_score for sample in predicted])
    if not (
        len(calls) == 1
        and calls[0][0].shape == kept.shape
        and near(calls[0][0], kept)
        and near(calls[0][1].softmax(1), probs)
    ):
        raise ValueError(
            f"LinearProbeLoop trains a linear layer on features as they are, "
            f"{tuple(kept.shape[1:])} for an image, and model.head, a "
            f"{type(model.head).__name__}, makes something else of them first, or "
            "of its scores. Set model.neck.type='GlobalAveragePooling' and "
            f"model.head.type='LinearClsHead', {INSTEAD}"
        )


def linear_layer(head: nn.Module) -> nn.Linear:
    """Return the only layer of a classifier.

    Raises:
        ValueError: If it has others that learn or change what is learnt.
    """
    layers = [
        module
        for module in head.modules()
        if [*module.parameters(recurse=False)]
        # It learns nothing, but changes what is learnt.
        or (isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0)
    ]
    linear = layers[0] if len(layers) == 1 else None
    if not isinstance(linear, nn.Linear) or linear.bias is None:
        kinds = ", ".join(type(layer).__name__ for layer in layers)
        raise ValueError(
            f"LinearProbeLoop trains a classifier of one linear layer with a bias, "
            f"and model.head, a {type(head).__name__}, has: {kinds or 'none'}. Set "
            "model.head.type='LinearClsHead'."
        )
    return linear
