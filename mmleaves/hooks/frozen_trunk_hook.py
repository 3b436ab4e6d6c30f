"""Run the frozen beginning of a model as inference, and keep what it gives."""

import json
from collections.abc import Callable

import torch
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpretrain.engine.hooks import VisualizationHook
from torch import Tensor, nn

from mmleaves.cache.border import parents
from mmleaves.cache.code_digests import versions
from mmleaves.cache.feature_cache import FeatureCache, FeaturesTooLargeError
from mmleaves.cache.feature_cache_settings import FeatureCacheSettings
from mmleaves.cache.feature_loader import FeatureLoader
from mmleaves.cache.frozen_trunk import Features, FrozenTrunk
from mmleaves.cache.identity import described
from mmleaves.cache.views import random_transforms
from mmleaves.draws import drawing_from
from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.proof import digests
from mmleaves.hooks.averaging import tests_twice
from mmleaves.hooks.go_on_hook import epoch_of_state
from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.models.wrappers import unwrapped
from mmleaves.optim.linear_probe_loop import LinearProbeLoop


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

    def __init__(self, freezer: Freezer, cache: FeatureCacheSettings | None) -> None:
        self._freezer, self._cache = freezer, cache
        self._step = -1
        self._methods: dict = {}
        self._loaders: dict = {}

    def before_train(self, runner: Runner) -> None:
        self._check_cache(runner)
        self._enter(runner, self._freezer.step(epoch_of_state(runner)), training=True)

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
        if any(map(tests_twice, runner.hooks)):
            return  # EMAHook changes the weights in the course of such a test
        # As in training, so that a checkpoint gets the scores that it got there.
        step = len(self._freezer.steps) - 1
        self._freezer.apply(step)
        self._enter(runner, step, training=False)

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
        drawing = [h for h in runner.hooks if isinstance(h, VisualizationHook)]
        if any(hook.enable for hook in drawing):
            raise ValueError(
                "default_hooks.visualization draws the images that a validation is "
                "given, and with feature_cache these are features. Leave out one."
            )
        makes_images = {"train_pipeline", "batch_augments"}
        if any(recipe.keys() & makes_images for recipe in later_recipes(runner.hooks)):
            raise ValueError(
                "SwitchRecipeHook makes other images from some epoch on, and "
                "feature_cache goes on with what it kept of those before. Take the "
                "hook out of custom_hooks, or leave out feature_cache."
            )

    def _enter(self, runner: Runner, step: int, *, training: bool) -> None:
        self._step = step
        model = unwrapped(runner.model)
        loop = runner.train_loop if training else runner.test_loop
        image = _first_image(loop.dataloader.dataset)
        try:
            trunk = self._cut(model, image, step)
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
            try:
                self._swap_loaders(runner, model, trunk, step)
            except FeaturesTooLargeError as error:
                if step == 0:
                    raise
                # Epochs were trained by now.
                runner.logger.warning(f"This step trains on images: {error}")
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

    def _cut(self, model: nn.Module, image: Tensor, step: int) -> FrozenTrunk:
        if not hasattr(model, "backbone"):
            raise ValueError(
                f"{type(model).__name__} is one piece, without a backbone apart."
            )
        with drawing_from():
            # Another image that has nothing in common with it.
            noise = torch.randint_like(image, 256)
            images = torch.stack([image, noise])
            batch = model.data_preprocessor({"inputs": images}, False)
            frozen = self._freezer.frozen_modules(step) | _fixed_neck(model)
            trunk = FrozenTrunk(model, frozen, batch["inputs"])
        self._freezer.hold(step)
        return trunk

    def _swap_loaders(
        self, runner: Runner, model: nn.Module, trunk: FrozenTrunk, step: int
    ) -> None:
        steps = self._freezer.steps
        until = steps[step + 1][0] if step + 1 < len(steps) else runner.max_epochs
        # Of the whole step, or a run that is resumed in it would go on otherwise.
        epochs = until - steps[step][0]
        views = 1
        if random_transforms(runner.train_loop.dataloader.dataset):
            views = self._cache.views or 1
        # Many classifiers share what one alone would not earn back.
        if epochs <= views and not isinstance(runner.train_loop, LinearProbeLoop):
            runner.logger.info(
                f"No features are kept: to compute {views} views of each image takes "
                f"as long as to train on them for {epochs} epochs."
            )
            return
        optim_wrapper = runner.optim_wrapper
        preprocess = model.data_preprocessor

        def compute(images: Tensor) -> Features:
            with torch.no_grad(), optim_wrapper.optim_context(runner.model):
                images = preprocess({"inputs": images}, False)["inputs"]
                return Features(trunk.features(images), tuple(images.shape[1:]))

        before = {k: v for k, v in runner.cfg.model.items() if k != "head"}
        identity = {
            "weights": str(sorted(digests(self._tensors(model, step)).items())),
            "model": json.dumps(described(before)),
            "code": json.dumps(_code(model)),
            "border": trunk.border,
            "preprocessor": str(runner.cfg.get("data_preprocessor")),
            "precision": f"{_compute_dtype(runner)}, folded={trunk.folds}",
            "versions": versions(),
        }
        on_cpu = get_device() == "cpu"
        cache = FeatureCache(self._cache, compute, identity, on_cpu=on_cpu)
        loops = {"train": runner.train_loop, "val": runner.val_loop}
        loops = {part: loop for part, loop in loops.items() if loop is not None}
        own = {part: loop.dataloader for part, loop in loops.items()}
        features = cache.loaders(own, seed=runner.seed)
        for part, loop in loops.items():
            self._loaders[loop] = own[part]
            loop.dataloader = features[part]

    def _tensors(self, model: nn.Module, step: int) -> dict[str, Tensor]:
        """Return the tensors that what a trunk gives may depend on."""
        tensors = self._freezer.frozen_tensors(step)
        frozen = self._freezer.frozen_modules(step)
        # Buffers of what holds frozen modules, such as a net's own table of positions.
        for holder in {parent for name in frozen for parent in parents(name)}:
            buffers = model.get_submodule(holder).named_buffers(holder, recurse=False)
            tensors |= dict(buffers)
        return tensors


def _first_image(dataset: BaseDataset) -> Tensor:
    with drawing_from():
        image = dataset[0]["inputs"]
    # In test-time augmentation, views of it.
    return image[0] if isinstance(image, list) else image


def _code(model: nn.Module) -> list:
    """Return the code of all modules but the head's."""
    kinds = {
        type(module)
        for name, module in model.named_modules()
        if name.partition(".")[0] != "head"
    }
    return sorted(described(kind) for kind in kinds)


def _compute_dtype(runner: Runner) -> str:
    """Return what a forward pass of the training computes in, and where."""
    device = get_device()
    with runner.optim_wrapper.optim_context(runner.model):
        if torch.is_autocast_enabled(device):
            return f"{torch.get_autocast_dtype(device)} on {device}"
    return f"{torch.float32} on {device}"


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
        shape = (len(features.tensors[0]), features.image_shape[0], 1, 1)
        nothing = torch.zeros(shape, dtype=torch.uint8)
        done = preprocess({**data, "inputs": nothing}, training)
        device = done["inputs"].device
        tensors = [t.to(device, non_blocking=True) for t in features.tensors]
        return {**done, "inputs": Features(tensors, features.image_shape)}

    return forward
