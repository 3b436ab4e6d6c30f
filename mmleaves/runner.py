"""MMEngine's runner with what fine-tuning on one's own data needs."""

import copy
import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn
from torch.distributed import init_process_group

# Replaces MMEngine's checkpoint readers by ones that run no code.
import mmleaves.checkpoints.pretrained  # noqa: F401
from mmleaves.config import fill_datasets
from mmleaves.freezing.policy import freeze
from mmleaves.registry import DATASETS, RUNNERS


def dataset_classes(dataset: dict) -> tuple[str, ...]:
    """Return the class names of a dataset config, in label order, reading no image."""
    # What the data set has to say of itself it says once more when it is read.
    logging.disable(logging.INFO)
    try:
        built = DATASETS.build({**dataset, "pipeline": [], "lazy_init": True})
    finally:
        logging.disable(logging.NOTSET)
    classes = built.metainfo.get("classes")
    if not classes:
        raise ValueError(
            f"The data set {dataset['type']!r} names no classes, so the size of the "
            "classifier is unknown. Give it `classes=[...]`."
        )
    return tuple(classes)


def fit_num_classes(cfg: Config, num_classes: int) -> None:
    """Set every place of ``cfg`` that must know the number of classes."""
    model = cfg.model
    for part in (model.get("head"), cfg.get("data_preprocessor")):
        if part is not None:
            part["num_classes"] = num_classes
    if "data_preprocessor" in model:
        model.data_preprocessor["num_classes"] = num_classes


class _WithoutListings(logging.Filter):
    """Keep MMEngine's listings of environment, config and hooks in the log file."""

    def filter(self, record: logging.LogRecord) -> bool:
        hooks = record.getMessage().startswith("Hooks will be executed")
        return record.funcName != "_log_env" and not hooks


@RUNNERS.register_module()
class FineTuneRunner(Runner):
    """A runner whose classifier has as many classes as the data.

    It fills in the config's shared ``dataset`` settings, sizes the classifier, freezes
    what ``trainable`` leaves out, keeps images in the channels-last layout, trains on
    several CPU processes too, and reads checkpoints without running code from them.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> "FineTuneRunner":
        cfg = copy.deepcopy(cfg)
        fill_datasets(cfg)
        loader = cfg.get("train_dataloader") or cfg.get("test_dataloader")
        if loader is not None and "num_classes" not in cfg.model.get("head", {}):
            fit_num_classes(cfg, len(dataset_classes(loader["dataset"])))
        return super().from_cfg(cfg)

    def setup_env(self, env_cfg: dict) -> None:
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
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_WithoutListings())
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        model = super().build_model(model)
        freeze(model, self.cfg.get("trainable", "all"))
        if self.cfg.get("channels_last", True):
            # Up to five times as fast on a CPU: oneDNN's convolutions want NHWC.
            model = model.to(memory_format=torch.channels_last)
        return model

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

    def load_or_resume(self) -> None:
        pointer = Path(self.work_dir, "last_checkpoint")
        if self._resume and self._load_from is None and not pointer.is_file():
            raise FileNotFoundError(
                f"There is nothing to resume in {self.work_dir}: it holds no "
                "`last_checkpoint`. To start from the beginning, leave out --resume."
            )
        super().load_or_resume()
