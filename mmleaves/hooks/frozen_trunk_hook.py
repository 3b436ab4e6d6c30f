"""Run the frozen beginning of a model as inference, and keep what it gives."""

from collections.abc import Callable
from importlib.metadata import version

import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor, nn

from mmleaves.cache.feature_cache import CacheSettings, FeatureCache
from mmleaves.cache.feature_loader import FeatureLoader
from mmleaves.cache.frozen_trunk import Features, FrozenTrunk
from mmleaves.draws import drawing_from
from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.proof import digests
from mmleaves.models.wrappers import unwrapped


class FrozenTrunkHook(Hook):
    """Cut the frozen beginning of the model off from what is trained.

    From then on it runs without autograd and with BatchNorm folded into convolutions.
    With ``feature_cache`` in the config it runs once for each image, or for each of a
    few fixed views of it, and never again for the same content, weights and pipeline:
    not in later epochs, nor in later runs.

    Where the policy changes over time, the cut moves with it. The runner registers
    this, with the policy that it has applied.

    Args:
        freezer: The policy on the runner's model.
        cache: What the config says under ``feature_cache``.
    """

    priority = "VERY_HIGH"  # after FreezeHook, which says what is frozen

    def __init__(self, freezer: Freezer, cache: CacheSettings | None) -> None:
        self._freezer, self._cache = freezer, cache
        self._step = -1
        self._methods: dict = {}
        self._loaders: dict = {}

    def before_train(self, runner: Runner) -> None:
        self._check_cache(runner)
        self._enter(runner, self._freezer.step(runner.epoch), training=True)

    def before_train_epoch(self, runner: Runner) -> None:
        step = self._freezer.step(runner.epoch)
        if step != self._step:
            self._leave(runner)
            self._enter(runner, step, training=True)
        loader = runner.train_loop.dataloader
        if isinstance(loader, FeatureLoader):
            loader.set_epoch(runner.epoch)

    def after_train(self, runner: Runner) -> None:
        self._leave(runner)

    def before_test(self, runner: Runner) -> None:
        # As in training, so that a checkpoint gets the scores that it got there.
        self._enter(runner, len(self._freezer.steps) - 1, training=False)

    def after_test(self, runner: Runner) -> None:
        self._leave(runner)

    def _check_cache(self, runner: Runner) -> None:
        if self._cache is None:
            return
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                "feature_cache goes with runs that are counted in epochs. Set "
                "train_cfg.by_epoch=True and max_epochs, or leave out feature_cache."
            )
        model = unwrapped(runner.model)
        if getattr(model.data_preprocessor, "batch_augments", None) is not None:
            raise ValueError(
                "Mixup and CutMix mix images, and feature_cache keeps what was made of "
                "single ones. Take `augments` out of `model.train_cfg`, or leave out "
                "feature_cache."
            )

    def _enter(self, runner: Runner, step: int, *, training: bool) -> None:
        self._step = step
        model = unwrapped(runner.model)
        loop = runner.train_loop if training else runner.test_loop
        try:
            trunk = self._cut(runner, model, loop.dataloader.dataset, step)
        except ValueError as error:
            # A policy over time may begin or end with all of the model.
            if self._cache is not None and training and len(self._freezer.steps) == 1:
                raise ValueError(
                    f"feature_cache has nothing to keep: {error} Set `trainable`, such "
                    "as to classifier or last:1, or leave out feature_cache."
                ) from error
            runner.logger.info(f"The model runs whole: {error}")
            return
        how = " (BatchNorm folded into convolutions)" if trunk.folds else ""
        runner.logger.info(f"Up to {trunk.border}, the model runs as inference{how}.")
        if self._cache is not None and training:
            self._swap_loaders(runner, model, trunk, step)
        preprocess = model.data_preprocessor.forward
        self._methods = {
            (model, "extract_feat"): trunk.extract_feat,
            (model.data_preprocessor, "forward"): _passing_features(preprocess),
        }
        for (module, name), method in self._methods.items():
            setattr(module, name, method)

    def _leave(self, runner: Runner) -> None:
        for module, name in self._methods:
            delattr(module, name)
        self._methods = {}
        for loop, loader in self._loaders.items():
            loop.dataloader = loader
        self._loaders = {}

    def _cut(
        self, runner: Runner, model: nn.Module, dataset: BaseDataset, step: int
    ) -> FrozenTrunk:
        if not hasattr(model, "backbone"):
            raise ValueError(
                f"{type(model).__name__} is one piece, without a backbone apart."
            )
        with drawing_from():
            images = [dataset[0]["inputs"], dataset[-1]["inputs"]]
            if isinstance(images[0], list):  # test-time augmentation: views of each
                images = [views[0] for views in images]
            batch = model.data_preprocessor({"inputs": torch.stack(images)}, False)
            frozen = self._freezer.frozen_modules(step) | _fixed_neck(model)
            trunk = FrozenTrunk(model, frozen, batch["inputs"])
        self._freezer.hold(step)
        return trunk

    def _swap_loaders(
        self, runner: Runner, model: nn.Module, trunk: FrozenTrunk, step: int
    ) -> None:
        steps = self._freezer.steps
        until = steps[step + 1][0] if step + 1 < len(steps) else runner.max_epochs
        if until - runner.epoch <= (self._cache.views or 1):
            # To compute the features would take as long as the training on them.
            return
        optim_wrapper = runner.optim_wrapper
        preprocess = model.data_preprocessor

        def compute(images: Tensor) -> list[Tensor]:
            with torch.no_grad(), optim_wrapper.optim_context(runner.model):
                return trunk.features(preprocess({"inputs": images}, False)["inputs"])

        tensors = self._freezer.frozen_tensors(step)
        identity = {
            "weights": str(sorted(digests(tensors).items())),
            "model": str(runner.cfg.model.get("backbone")),
            "border": trunk.border,
            "preprocessor": f"{runner.cfg.get('data_preprocessor')} "
            f"{runner.cfg.model.get('data_preprocessor')}",
            "precision": f"{type(optim_wrapper).__name__} folded={trunk.folds}",
            "versions": " ".join(
                f"{name} {version(name)}"
                for name in ("torch", "mmpretrain", "mmcv-lite", "opencv-python")
            ),
        }
        cache = FeatureCache(self._cache, compute, identity)
        loops = {"train": runner.train_loop, "val": runner.val_loop}
        for part, loop in loops.items():
            if loop is not None:
                self._loaders[loop] = loop.dataloader
                loop.dataloader = cache.loader(
                    loop.dataloader, part=part, seed=runner.seed
                )


def _fixed_neck(model: nn.Module) -> set[str]:
    """Return the modules of a neck that only pools: nothing of it learns or draws."""
    neck = getattr(model, "neck", None)
    if neck is None or any(
        isinstance(module, nn.modules.dropout._DropoutNd) for module in neck.modules()
    ):
        return set()
    if [*neck.parameters(), *neck.buffers()]:
        return set()
    return {name for name, _ in neck.named_modules(prefix="neck")}


def _passing_features(preprocess: Callable) -> Callable:
    """Return a data preprocessor's ``forward`` that has nothing to do for features."""

    def forward(data: dict, training: bool = False) -> dict:
        features = data["inputs"]
        if not isinstance(features, Features):
            return preprocess(data, training)
        # Labels are for it to prepare.
        nothing = torch.zeros(len(features.tensors[0]), 3, 1, 1, dtype=torch.uint8)
        done = preprocess({**data, "inputs": nothing}, training)
        device = done["inputs"].device
        tensors = [t.to(device, non_blocking=True) for t in features.tensors]
        return {**done, "inputs": Features(tensors, features.image_shape)}

    return forward
