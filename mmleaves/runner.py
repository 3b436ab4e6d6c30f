"""MMEngine's runner with what fine-tuning on one's own data needs."""

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed, is_main_process, master_only
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import nn
from torch.distributed import init_process_group
from torch.utils.data import DataLoader

# Replaces MMEngine's checkpoint readers by ones that run no code.
import mmleaves.checkpoints.pretrained  # noqa: F401
from mmleaves.cache.feature_cache_settings import FeatureCacheSettings
from mmleaves.checkpoints.earlier import refuse_folders_for_files, refuse_to_overwrite
from mmleaves.checkpoints.init_files import files_must_reach_trunk
from mmleaves.checkpoints.newest import check_named, newest_checkpoint
from mmleaves.checkpoints.reach import must_reach_trunk
from mmleaves.checkpoints.saving import BACKEND
from mmleaves.config import fill_datasets
from mmleaves.datasets.bad_images import refuse_substitutes
from mmleaves.dict_settings import refuse_wrong_dicts
from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.lora import reset_lora
from mmleaves.hooks.check_gradients_hook import CheckGradientsHook
from mmleaves.hooks.freeze_hook import FreezeHook
from mmleaves.hooks.frozen_trunk_hook import FrozenTrunkHook
from mmleaves.hooks.safe_checkpoint_hook import folder_of_checkpoints, keep_own_files
from mmleaves.hooks.stop_on_signal_hook import StopOnSignalHook
from mmleaves.hooks.watch_loader_hook import WatchLoaderHook, told_of_loader
from mmleaves.kept_memory import keep_freed_memory
from mmleaves.loader_workers import end_workers
from mmleaves.model_config import (
    asked_num_classes,
    dataset_classes,
    fit_num_classes,
    refuse_two_freezes,
)
from mmleaves.models.bfloat16_on_cpu import quicken_bfloat16
from mmleaves.models.class_token import compute_class_token_alone
from mmleaves.models.narrow_convolutions import mend_narrow_convolutions
from mmleaves.models.position_tables import mend_position_tables
from mmleaves.models.reversible import mend_reversible
from mmleaves.models.wrappers import unwrapped
from mmleaves.optim.leave_out_frozen import leave_out_frozen
from mmleaves.optim.precision import (
    BFLOAT16_WRAPPER,
    apply_precision,
    resolve_precision,
    scores_in_float32,
)
from mmleaves.registry import RUNNERS
from mmleaves.run_folder import kept
from mmleaves.run_loaders import (
    keep_decoded_images,
    refuse_empty,
    tell_if_full,
    without_bad_images,
)
from mmleaves.terminal_log import ForTerminals

_HOOKS_OF_MMENGINE = (
    "runtime_info",
    "timer",
    "sampler_seed",
    "logger",
    "param_scheduler",
    "checkpoint",
)


@RUNNERS.register_module()
class FineTuneRunner(Runner):
    """A runner whose classifier has as many classes as the data.

    It fills in the config's shared ``dataset`` settings, sizes the classifier, freezes
    what ``trainable`` leaves out, keeps images in the channels-last layout, trains on
    several CPU processes too, reads checkpoints without running code from them, and
    overwrites no earlier run.
    """

    # Whether to resume a run although what it is trained on, or how, has changed.
    force = False
    _given_cfg: Config | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        # By part, why no score of it is one of a test, as the audit found.
        self.leaks: dict[str, str] = {}
        # By part, what is wrong with each image that --skip-bad left out, by its path.
        self.skipped_images: dict[str, dict[str, str]] = {}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_cfg(cls, cfg: Config) -> "FineTuneRunner":
        refuse_wrong_dicts(cfg)
        filled = copy.deepcopy(cfg)
        fill_datasets(filled)
        loader = filled.get("train_dataloader") or filled.get("test_dataloader")
        if loader is not None and asked_num_classes(filled) is None:
            fit_num_classes(filled, len(dataset_classes(loader["dataset"])))
        precision = resolve_precision(filled.get("precision", "float32"))
        own = apply_precision(filled, precision)
        runner = super().from_cfg(filled)
        runner.logger.info(
            f"The forward pass computes in {precision}."
            if own is None
            else f"The training computes in what optim_wrapper, an {own}, says; "
            f"validation and test in {precision}."
        )
        runner._given_cfg = cfg
        return runner

    def train(self) -> nn.Module:
        with kept(Path(self.work_dir)) if is_main_process() else nullcontext():
            return self._train()

    def _train(self) -> nn.Module:
        epochs = self.cfg.train_cfg.get("max_epochs", 1)
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(
                f"train_cfg.max_epochs is {epochs!r}, expected a whole number from 1."
            )
        work_dir, folder = Path(self.work_dir), folder_of_checkpoints(self)
        refuse_folders_for_files(work_dir, folder)
        if not self._resume:
            refuse_to_overwrite({work_dir, folder})
        self._dump_given_config()
        kept_in = None
        if isinstance(self._train_dataloader, dict):
            loaders = [self._train_dataloader, self._val_dataloader]
            cache = self.cfg.get("image_cache")
            kept_in = keep_decoded_images(cache, loaders, self.hooks, self.logger)
        try:
            with self._ends_hooks(), told_of_loader("train_dataloader"):
                model = super().train()
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                "The last batch has a single image, which BatchNorm cannot normalise "
                f"where it has a single pixel left ({error}), expected two or more. "
                "Set train_dataloader.drop_last=True, another "
                "train_dataloader.batch_size, or larger images."
            ) from error
        tell_if_full(kept_in, self.logger)
        return model

    def val(self) -> dict:
        with self._ends_hooks(), told_of_loader("val_dataloader"):
            return super().val()

    def test(self) -> dict:
        with self._ends_hooks(), told_of_loader("test_dataloader"):
            return super().test()

    @contextmanager
    def _ends_hooks(self) -> Iterator[None]:
        """End what MMEngine leaves running.

        After an error, `told_of_loader` has killed the workers.
        """
        try:
            yield
        finally:
            for hook in self.hooks:
                if isinstance(hook, WatchLoaderHook | StopOnSignalHook):
                    hook.end()
        for loop in (self._train_loop, self._val_loop, self._test_loop):
            end_workers(getattr(loop, "dataloader", None))

    def build_dataloader(
        self,
        dataloader: DataLoader | dict,
        seed: int | None = None,
        diff_rank_seed: bool = False,
    ) -> DataLoader:
        """Build a loader in which no image takes the place of another."""
        if isinstance(dataloader, dict) and self.cfg.get("skip_bad"):
            # What is tested is never dropped.
            for part in ("train", "val"):
                if dataloader is getattr(self, f"_{part}_dataloader"):
                    dataloader, bad = without_bad_images(dataloader, part, self.logger)
                    if bad:
                        self.skipped_images[part] = bad
                    break
        loader = super().build_dataloader(dataloader, seed, diff_rank_seed)
        # A data set of another kind is for CheckDataHook to refuse.
        with suppress(ValueError):
            refuse_substitutes(loader.dataset)
        refuse_empty(loader)
        return loader

    def dump_config(self) -> None:
        """Leave it to `train`: to test or predict must not replace the run's config."""

    @master_only
    def _dump_given_config(self) -> None:
        # As it was given, not filled in: settings over it must reach every part.
        given = self._given_cfg or self.cfg
        given.dump(Path(self.work_dir, Path(given.filename or "config.py").name))

    def setup_env(self, env_cfg: dict) -> None:
        if not torch.cuda.is_available():
            keep_freed_memory()
        if self.distributed and not is_distributed() and not torch.cuda.is_available():
            if self.launcher != "pytorch":
                raise ValueError(
                    f"--launcher {self.launcher} needs GPUs, and there are none. For "
                    "several CPU processes use torchrun and --launcher pytorch."
                )
            # MMEngine's own start selects a GPU first, and its nccl has no CPU path.
            init_process_group("gloo")
        super().setup_env(env_cfg)

    def build_logger(self, *args: object, **kwargs: object) -> MMLogger:
        # Else two runs of a config that begin within a second of one process would have
        # one logger, one visualizer and one message hub.
        while MMLogger.check_instance_created(self._experiment_name):
            self._experiment_name += "+"
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(ForTerminals())
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        model = super().build_model(model)
        scores_in_float32(model)
        mend_reversible(model)
        mend_narrow_convolutions(model)
        wrapper = self.cfg.get("optim_wrapper") or {}
        if wrapper.get("type") == BFLOAT16_WRAPPER and not torch.cuda.is_available():
            quicken_bfloat16(model)
        mend_position_tables()
        refuse_two_freezes(self.cfg)
        # A wrapper for test-time augmentation holds the classifier as `module`.
        classifier = unwrapped(model)
        compute_class_token_alone(getattr(classifier, "backbone", None))
        self._freezer = Freezer(classifier, self.cfg.get("trainable", "all"))
        self._freezer.apply(0)
        if torch.cuda.is_available():
            # Batches in pinned memory are copied while the GPU computes; MMPretrain's
            # own preprocessor takes no such setting. Not measured.
            classifier.data_preprocessor._non_blocking = True
        return model.to(memory_format=self._memory_format)

    @property
    def _memory_format(self) -> torch.memory_format:
        # Faster on a CPU, as oneDNN's convolutions want NHWC.
        channels_last = self.cfg.get("channels_last", True)
        return torch.channels_last if channels_last else torch.contiguous_format

    def build_optim_wrapper(
        self, optim_wrapper: dict | OptimWrapper
    ) -> OptimWrapper | OptimWrapperDict:
        given = optim_wrapper
        if isinstance(given, dict) and isinstance(given.get("optimizer"), dict):
            given = {"constructor": "mmleaves.FineTuneConstructor", **given}
        # It takes what has a gradient: here, all that will be trained at some time.
        self._freezer.apply_ever_trained()
        built = super().build_optim_wrapper(given)
        # Another constructor, and who built the optimiser, take the frozen ones too.
        leave_out_frozen(built, self._freezer)
        self._freezer.apply(0)
        return built

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        # MMEngine takes None for its own hooks alone.
        named = {
            name: hook
            for name, hook in (hooks or {}).items()
            if hook is not None or name in _HOOKS_OF_MMENGINE
        }
        super().register_default_hooks(named)
        self.register_hook(FreezeHook(self._freezer))
        self.register_hook(CheckGradientsHook(self._freezer))
        cache = self.cfg.get("feature_cache")
        settings = None if cache is None else FeatureCacheSettings(**cache)
        self.register_hook(FrozenTrunkHook(self._freezer, settings))

    def _init_model_weights(self) -> None:
        # PyTorch fills a tensor in the order of its memory, so that one seed would
        # give another classifier in another layout.
        self.model.to(memory_format=torch.contiguous_format)
        model = self._freezer.model
        with files_must_reach_trunk(model, self._freezer.parts):
            super()._init_model_weights()
        reset_lora(self.model)
        self.model.to(memory_format=self._memory_format)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        if self.distributed and not torch.cuda.is_available():
            # On a CPU, DistributedDataParallel takes no device ids.
            wrapper = {
                "broadcast_buffers": False,
                "find_unused_parameters": self.cfg.get("find_unused_parameters", False),
            }
            model_wrapper_cfg = wrapper | (model_wrapper_cfg or {})
            model_wrapper_cfg["device_ids"] = None
        return super().wrap_model(model_wrapper_cfg, model)

    @master_only
    def save_checkpoint(
        self,
        *args: object,
        backend_args: dict | None = None,
        **kwargs: object,
    ) -> None:
        if backend_args is None and kwargs.get("file_client_args") is None:
            backend_args = {"backend": BACKEND}
        super().save_checkpoint(*args, backend_args=backend_args, **kwargs)

    def load_or_resume(self) -> None:
        folder = folder_of_checkpoints(self)
        if self._resume and self._load_from is None:
            newest = newest_checkpoint(Path(self.work_dir), self.logger, folder)
            self._load_from = str(newest)
        elif self._resume:
            check_named(self._load_from)
        super().load_or_resume()
        if self._resume and self._load_from is not None:
            keep_own_files(self, Path(self._load_from))

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = "cpu",
        strict: bool = False,
        revise_keys: list[tuple[str, str]] = [(r"^module.", "")],  # noqa: B006
    ) -> dict:
        # Only a training that starts from other weights may leave some out.
        fine_tunes = not isinstance(self._train_loop, dict | None) and not self._resume
        reached = nullcontext()
        if fine_tunes:
            reached = must_reach_trunk(
                self._freezer.model, self._freezer.parts, f"load_from={filename}"
            )
        try:
            with reached:
                checkpoint = super().load_checkpoint(
                    filename, map_location, strict or not fine_tunes, revise_keys
                )
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise ValueError(
                f"{filename} is not a checkpoint of this config's model: "
                f"{' '.join(lines[1:3])[:400]} Use the config that it was trained with."
            ) from error
        # MMEngine would run this text as a config.
        checkpoint.get("meta", {}).pop("config", None)
        return checkpoint
