"""A training that tries many linear classifiers at once on features that are kept."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_world_size, master_only
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor, nn
from torch.utils.data import BatchSampler

from mmleaves.cache.feature_loader import FeatureLoader
from mmleaves.cache.frozen_trunk import near
from mmleaves.models.class_weights import class_weights
from mmleaves.models.wrappers import unwrapped
from mmleaves.optim.linear_heads import HeadSettings, LinearHeads
from mmleaves.registry import LOOPS

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
_INSTEAD = "or train one classifier with the usual loop."
# Of all classifiers, images and classes: 64 MB.
_SCORES_AT_ONCE = 2**24


@dataclass(frozen=True)
class Score:
    """How well one classifier does on the validation part.

    Args:
        settings: What it was trained with.
        accuracy: Share of the images that it gets right, percent.
        loss: Mean cross-entropy.
    """

    settings: HeadSettings
    accuracy: float
    loss: float


def choose(scores: Sequence[Score]) -> int:
    """Return which classifier to keep: that of the first seed of the best settings.

    Settings are compared by the mean accuracy of their seeds, then by their mean loss:
    the luckiest of many seeds would promise too much.
    """
    means: dict[tuple, tuple[float, float]] = {}
    for key in map(_without_seed, scores):
        own = [score for score in scores if _without_seed(score) == key]
        accuracy = sum(score.accuracy for score in own) / len(own)
        means[key] = accuracy, -sum(score.loss for score in own) / len(own)
    best = max(means, key=lambda key: means[key])
    return next(i for i, score in enumerate(scores) if _without_seed(score) == best)


def _without_seed(score: Score) -> tuple:
    s = score.settings
    return s.rate, s.weight_decay, s.class_weights


@LOOPS.register_module()
class LinearProbeLoop(EpochBasedTrainLoop):
    """Train a grid of linear classifiers at once, and keep the best in validation.

    The features come from ``feature_cache``, which the config has to set, and
    ``trainable`` has to be ``"classifier"``. Schedule, optimiser and loss are the
    config's. The validation part chooses, and the model gets the weights of the choice
    as if it alone had been trained; ``heads.csv`` in the run's folder has all scores.

    Args:
        rates: Learning rates; by default the config's times 0.03, 0.1, 0.3, 1, 3, 10.
        weight_decays: By default the config's alone.
        seeds: Of initial weights and image order; by default the run's alone.
        class_weights: Each ``None`` or ``"auto"``; by default the loss's own alone.

    Raises:
        ValueError: If the config's classifier, optimiser, schedule, sampler or loss is
            none that it can train with, or there is no validation to choose by.
    """

    def __init__(
        self,
        *args: object,
        rates: Sequence[float] | None = None,
        weight_decays: Sequence[float] | None = None,
        seeds: Sequence[int] | None = None,
        class_weights: Sequence[str | None] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._rates, self._decays, self._seeds = rates, weight_decays, seeds
        self._class_weights = class_weights
        self._shares: Tensor | None = None

    def run(self) -> nn.Module:
        runner = self.runner
        self._check()
        runner.call_hook("before_train")
        self._check_features()
        runner.call_hook("before_train_epoch")
        runner.model.train()
        grid = self._grid()
        heads, losses = self._train(grid)
        scores = self._score(heads)
        chosen = choose(scores)
        self._report(scores, chosen)
        linear = self._linear()
        with torch.no_grad():
            linear.weight.copy_(heads.weight[chosen])
            linear.bias.copy_(heads.bias[chosen])
        # The record of the run is that of the chosen one.
        for loss in losses[-len(self.dataloader) :, chosen].tolist():
            runner.message_hub.update_scalar("train/loss", loss)
        self._epoch, self._iter = self._max_epochs - 1, self._max_iters
        runner.call_hook("after_train_epoch")
        self._epoch = self._max_epochs
        runner.val_loop.run()
        runner.call_hook("after_train")
        return runner.model

    def _check(self) -> None:
        """Refuse what it would not do as the usual loop does."""
        runner = self.runner
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
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ValueError(
                "LinearProbeLoop averages no weights, and the config has an EMAHook. "
                f"Take it out of custom_hooks, {_INSTEAD}"
            )
        sampler, batches = self.dataloader.sampler, self.dataloader.batch_sampler
        if (
            not isinstance(sampler, DefaultSampler)
            or not sampler.shuffle
            or type(batches) is not BatchSampler
        ):
            raise ValueError(
                "LinearProbeLoop takes the images in the order of a DefaultSampler "
                f"with shuffle=True, and train_dataloader has a "
                f"{type(sampler).__name__}. Set its `sampler`, {_INSTEAD}"
            )
        self._linear()
        self._check_loss()
        self._check_optimizer()
        self._factors()

    def _check_loss(self) -> None:
        loss = unwrapped(self.runner.model).head.loss_module
        name = type(loss).__name__
        if name not in _LOSSES:
            raise ValueError(
                f"LinearProbeLoop trains with {' or '.join(_LOSSES)}, and model.head."
                f"loss is a {name}. Set its `type`, {_INSTEAD}"
            )
        # A LabelSmoothLoss holds the other.
        plain = {**_PLAIN_LOSS, "use_soft": hasattr(loss, "ce")}
        found = {**vars(getattr(loss, "ce", loss)), "loss_weight": loss.loss_weight}
        self._refuse({k: found[k] for k in plain}, plain, f"model.head.loss, a {name},")

    def _check_optimizer(self) -> None:
        wrapper = self.runner.optim_wrapper
        kind = type(wrapper.optimizer).__name__
        if kind not in ("AdamW", "SGD") or wrapper.clip_grad_kwargs:
            raise ValueError(
                "LinearProbeLoop trains with AdamW or SGD without clip_grad, and the "
                f"config has {kind}. Set optim_wrapper.optimizer.type, {_INSTEAD}"
            )
        first, *others = wrapper.optimizer.param_groups
        if others:
            raise ValueError(
                "LinearProbeLoop trains weights and biases at one rate and decay, and "
                f"the optimiser has {1 + len(others)} groups of them. Take "
                f"`paramwise_cfg` out of optim_wrapper, {_INSTEAD}"
            )
        plain = {k: v for k, v in _PLAIN_OPTIMIZER.items() if k in first}
        self._refuse({k: first[k] for k in plain}, plain, "optim_wrapper.optimizer")
        if wrapper._accumulative_counts != 1:
            raise ValueError(
                "LinearProbeLoop updates after each batch, and optim_wrapper has "
                f"accumulative_counts={wrapper._accumulative_counts}. Set it to 1 and "
                f"train_dataloader.batch_size to what is accumulated, {_INSTEAD}"
            )

    @staticmethod
    def _refuse(found: dict, plain: dict, where: str) -> None:
        if odd := [key for key, value in found.items() if value != plain[key]]:
            raise ValueError(
                f"LinearProbeLoop knows nothing of {odd[0]}={found[odd[0]]!r}, which "
                f"{where} has. Set it to {plain[odd[0]]!r}, {_INSTEAD}"
            )

    def _check_features(self) -> None:
        """Refuse features that are not what the classifier gets."""
        loader = self.runner.val_loop.dataloader
        if not isinstance(self.dataloader, FeatureLoader):
            raise ValueError(
                "LinearProbeLoop trains on features that are kept, and there are none. "
                "Set trainable='classifier' and feature_cache=dict(views=...) with "
                "fewer views than epochs."
            )
        model, linear = unwrapped(self.runner.model), self._linear()
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
                f"model.head.type='LinearClsHead', {_INSTEAD}"
            )

    def _linear(self) -> nn.Linear:
        head = unwrapped(self.runner.model).head
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

    def _grid(self) -> list[HeadSettings]:
        runner = self.runner
        (group,) = runner.optim_wrapper.optimizer.param_groups
        base = group.get("initial_lr", group["lr"])
        rates = self._rates or [base * f for f in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)]
        decays = self._decays or [group["weight_decay"]]
        seeds = self._seeds or [runner.seed]
        if self._class_weights is None:
            weights = [self._own_weights()]
        else:
            weights = [self._weights_of(given) for given in self._class_weights]
        return [
            HeadSettings(rate, decay, seed, weight)
            for rate, decay, weight, seed in product(rates, decays, weights, seeds)
        ]

    def _own_weights(self) -> tuple[float, ...] | None:
        loss = unwrapped(self.runner.model).head.loss_module
        given = getattr(loss, "ce", loss).class_weight
        return None if given is None else tuple(map(float, given))

    def _weights_of(self, given: str | None) -> tuple[float, ...] | None:
        if given is None:
            return None
        dataset = self.dataloader.dataset
        labels = [dataset.get_data_info(i)["gt_label"] for i in range(len(dataset))]
        return tuple(class_weights(given, dataset.metainfo["classes"], labels))

    def _factors(self) -> Tensor:
        """Return the share of the rate at each iteration, as the schedules say."""
        # Deferred: it imports the runner, which imports this.
        from mmleaves.optim.schedule_curves import follow

        if self._shares is not None:  # the schedules are stepped but once
            return self._shares
        runner = self.runner
        (group,) = runner.optim_wrapper.optimizer.param_groups
        base = group.get("initial_lr", group["lr"])
        schedulers = runner.param_schedulers or []
        if any(getattr(scheduler, "need_val_args", False) for scheduler in schedulers):
            raise ValueError(
                "LinearProbeLoop validates once, at the end, and param_scheduler has "
                f"one that goes by each validation. Set another, {_INSTEAD}"
            )
        (curve,) = follow(
            runner.optim_wrapper,
            schedulers,
            self._max_epochs,
            len(self.dataloader),
            {},
        )
        if curve.momenta is not None and np.ptp(curve.momenta) > 0:
            raise ValueError(
                "LinearProbeLoop keeps the momentum, and param_scheduler changes it. "
                f"Set a schedule of rates alone, {_INSTEAD}"
            )
        self._shares = torch.from_numpy(curve.rates / base)
        return self._shares

    def _train(self, grid: list[HeadSettings]) -> tuple[LinearHeads, Tensor]:
        """Return the trained classifiers, and their losses, (iterations, H)."""
        loss = unwrapped(self.runner.model).head.loss_module
        (group,) = self.runner.optim_wrapper.optimizer.param_groups
        optional = {k: group[k] for k in ("momentum", "betas", "eps") if k in group}
        linear = self._linear()
        heads = LinearHeads(
            grid,
            linear.in_features,
            linear.out_features,
            optimizer=type(self.runner.optim_wrapper.optimizer).__name__,
            label_smoothing=getattr(loss, "_eps", 0.0),
            **optional,
        )
        factors = self._factors()
        features, labels = self.dataloader.everything()
        seeds = sorted({settings.seed for settings in grid})
        place = torch.tensor([seeds.index(settings.seed) for settings in grid])
        batches = self.dataloader.batch_sampler
        losses = []
        for epoch in range(self._max_epochs):
            self.dataloader.set_epoch(epoch)
            views = self.dataloader.views_now()
            orders = torch.stack([self._order(seed, epoch) for seed in seeds])
            for indices in orders.split(batches.batch_size, dim=1)[: len(batches)]:
                batch = features[indices, views[indices]][place]
                losses.append(
                    heads.step(
                        batch, labels[indices][place], factors[len(losses)].item()
                    )
                )
        return heads, torch.stack(losses)

    def _order(self, seed: int, epoch: int) -> Tensor:
        # As MMEngine's DefaultSampler does.
        generator = torch.Generator().manual_seed(seed + epoch)
        return torch.randperm(len(self.dataloader.dataset), generator=generator)

    def _score(self, heads: LinearHeads) -> list[Score]:
        features, labels = self.runner.val_loop.dataloader.everything()
        rows = max(1, _SCORES_AT_ONCE // heads.bias.numel())
        right, lost = torch.zeros(2, len(heads.settings))
        for some, own in zip(
            features[:, 0].split(rows), labels.split(rows), strict=True
        ):
            log_probs = heads.scores(some).log_softmax(2)
            right += (log_probs.argmax(2) == own).sum(1)
            truth = own.expand(len(log_probs), -1)[..., None]
            lost -= log_probs.gather(2, truth).sum((1, 2))
        return [
            Score(settings, 100 * r / len(labels), loss / len(labels))
            for settings, r, loss in zip(
                heads.settings, right.tolist(), lost.tolist(), strict=True
            )
        ]

    @master_only
    def _report(self, scores: Sequence[Score], chosen: int) -> None:
        path = Path(self.runner.work_dir, "heads.csv")
        given = "own" if self._class_weights is None else "auto"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(
                ["rate", "weight_decay", "class_weights", "seed", "accuracy", "loss"]
            )
            for score in scores:
                s = score.settings
                weights = "" if s.class_weights is None else given
                scored = [f"{score.accuracy:.4f}", f"{score.loss:.4f}"]
                rows.writerow([s.rate, s.weight_decay, weights, s.seed, *scored])
        best = scores[chosen]
        s = best.settings
        self.runner.logger.info(
            f"Of {len(scores)} classifiers, validation chose rate {s.rate:.3g}, weight "
            f"decay {s.weight_decay:.3g}, "
            f"{'no class weights' if s.class_weights is None else 'class weights'}"
            f", by the mean of its seeds; seed {s.seed} has {best.accuracy:.2f} % and "
            f"loss {best.loss:.4f}. All: {path}"
        )
