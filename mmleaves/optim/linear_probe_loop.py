"""A training that tries many linear classifiers at once on features that are kept."""

import copy
import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor, nn

from mmleaves.models.class_weights import class_weights
from mmleaves.models.wrappers import unwrapped
from mmleaves.optim.head_scores import Score, choose
from mmleaves.optim.linear_heads import HeadSettings, LinearHeads
from mmleaves.optim.linear_probe_checks import (
    INSTEAD,
    check_features,
    check_run,
    linear_layer,
)
from mmleaves.optim.schedules_of_config import schedules_of_each
from mmleaves.registry import LOOPS

if TYPE_CHECKING:
    from mmleaves.optim.schedule_curves import Curve

# Of all classifiers, images and classes: 64 MB.
_SCORES_AT_ONCE = 2**24


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

    def run(self) -> nn.Module:
        runner = self.runner
        check_run(self)
        self._follow_schedule()
        runner.call_hook("before_train")
        check_features(self)
        runner.call_hook("before_train_epoch")
        runner.model.train()
        grid = self._grid()
        heads, losses = self._train(grid)
        scores = self._score(heads)
        chosen = choose(scores)
        self._report(scores, chosen)
        linear = linear_layer(unwrapped(runner.model).head)
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

    def _grid(self) -> list[HeadSettings]:
        runner = self.runner
        (group,) = runner.optim_wrapper.optimizer.param_groups
        given = self._given_rate()
        rates = self._rates or [given * f for f in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)]
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

    def _follow_schedule(self) -> None:
        """Take the run's own schedules to their end; refuse what is not for heads."""
        schedulers = self.runner.param_schedulers or []
        if any(getattr(scheduler, "need_val_args", False) for scheduler in schedulers):
            raise ValueError(
                "LinearProbeLoop validates once, at the end, and param_scheduler has "
                f"one that goes by each validation. Set another, {INSTEAD}"
            )
        if any(given.get("eta_max") for given in _all_schedules(self.runner.cfg)):
            raise ValueError(
                "LinearProbeLoop tries rates, and param_scheduler has one that goes by "
                "its own, `eta_max`. Set type=mmleaves.OneCycleLR, which goes by that "
                f"of the optimiser, {INSTEAD}"
            )
        if self._given_rate() <= 0:
            raise ValueError(
                "LinearProbeLoop tries multiples of optim_wrapper.optimizer.lr, found "
                f"{self._given_rate()}, expected a number above 0."
            )
        if any(s.param_name not in ("lr", "momentum", "betas") for s in schedulers):
            raise ValueError(
                "LinearProbeLoop keeps the weight decay, and param_scheduler changes "
                f"another setting than the rate. Take it out, {INSTEAD}"
            )
        curve = self._curve(self.runner.optim_wrapper, schedulers)
        if curve.momenta is not None and np.ptp(curve.momenta) > 0:
            raise ValueError(
                "LinearProbeLoop keeps the momentum, and param_scheduler changes it. "
                f"Set a schedule of rates alone, {INSTEAD}"
            )

    def _given_rate(self) -> float:
        """Return the rate that the config gives, or PyTorch's own."""
        optimizer = self.runner.optim_wrapper.optimizer
        settings = self.runner.cfg.optim_wrapper.get("optimizer") or {}
        return settings.get("lr", optimizer.defaults["lr"])

    def _rates_over_time(self, rate: float) -> Tensor:
        """Return the rate of each iteration, where the config's is ``rate``."""
        runner = self.runner
        own = runner.optim_wrapper
        # Such as `head_lr_mult`, or what `auto_scale_lr` made of it.
        (head,) = own.optimizer.param_groups
        # Before schedules: OneCycleLR begins far below it.
        base = head.get("max_lr", head.get("initial_lr", head["lr"]))
        rate *= base / self._given_rate()
        group = {"params": [torch.zeros(1)], "name": "head"}
        optimizer = type(own.optimizer)([group], lr=rate)
        # Schedules are built for the runner's optimiser, and may have a lowest rate.
        runner.optim_wrapper = OptimWrapper(optimizer)
        try:
            schedulers = runner.build_param_scheduler(
                copy.deepcopy(runner.cfg.get("param_scheduler")) or []
            )
            curve = self._curve(runner.optim_wrapper, schedulers)
        finally:
            runner.optim_wrapper = own
        return torch.from_numpy(curve.rates)

    def _curve(
        self, optim_wrapper: OptimWrapper, schedulers: list[_ParamScheduler]
    ) -> "Curve":
        # Deferred: it imports the runner, which imports this.
        from mmleaves.optim.schedule_curves import follow

        (curve,) = follow(
            optim_wrapper, schedulers, self._max_epochs, len(self.dataloader), {}
        )
        return curve

    def _train(self, grid: list[HeadSettings]) -> tuple[LinearHeads, Tensor]:
        """Return the trained classifiers, and their losses, (iterations, H)."""
        loss = unwrapped(self.runner.model).head.loss_module
        (group,) = self.runner.optim_wrapper.optimizer.param_groups
        optional = {k: group[k] for k in ("momentum", "betas", "eps") if k in group}
        linear = linear_layer(unwrapped(self.runner.model).head)
        heads = LinearHeads(
            grid,
            linear.in_features,
            linear.out_features,
            optimizer=type(self.runner.optim_wrapper.optimizer).__name__,
            label_smoothing=getattr(loss, "_eps", 0.0),
            **optional,
        )
        rates = {s.rate: self._rates_over_time(s.rate) for s in grid}
        # (iterations, H)
        over_time = torch.stack([rates[settings.rate] for settings in grid], 1)
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
                batch = features[indices, views[indices]].float()[place]
                losses.append(
                    heads.step(batch, labels[indices][place], over_time[len(losses)])
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
            log_probs = heads.scores(some.float()).log_softmax(2)
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


def _all_schedules(cfg: Config) -> list[dict]:
    return [own for each in schedules_of_each(cfg) for own in each.values()]
