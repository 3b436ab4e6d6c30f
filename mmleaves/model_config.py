"""What a config's model must know of the data, and of what is frozen."""

import logging

from mmengine.config import Config

from mmleaves.datasets.wrappers import inner_configs
from mmleaves.registry import DATASETS


def dataset_classes(dataset: dict) -> tuple[str, ...]:
    """Return the class names of a dataset config, in label order, reading no image."""
    inner = next(inner_configs(dataset))
    # What the data set has to say of itself it says once more when it is read.
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        built = DATASETS.build({**inner, "pipeline": [], "lazy_init": True})
    finally:
        logging.disable(level)
    classes = built.metainfo.get("classes")
    if not classes:
        raise ValueError(
            f"The data set {inner['type']!r} names no classes, so the size of the "
            "classifier is unknown. Give it `classes=[...]`."
        )
    return tuple(classes)


def fit_num_classes(cfg: Config, num_classes: int) -> None:
    """Set every place of ``cfg`` that must know the number of classes."""
    model = innermost(cfg.model)
    # Classifiers of timm and Hugging Face have no head of their own.
    sized = model if model.get("head") is None else model["head"]
    for part in (sized, model.get("data_preprocessor"), cfg.get("data_preprocessor")):
        if part is not None:
            part["num_classes"] = num_classes


def innermost(model: dict) -> dict:
    """Return the classifier's config, within wrappers as for test-time augmentation."""
    return innermost(model["module"]) if "module" in model else model


def refuse_two_freezes(cfg: Config) -> None:
    """Make sure that what is trained is said in one place.

    Raises:
        ValueError: If both ``trainable`` and ``frozen_stages`` of the backbone, or of
            a branch, say it.
    """
    trainable = cfg.get("trainable", "all")
    if trainable == "all":
        return
    backbone = innermost(cfg.model).get("backbone") or {}
    trunks = {"model.backbone": backbone}
    for name, branch in (backbone.get("branches") or {}).items():
        trunks[f"model.backbone.branches.{name}"] = branch
    for where, trunk in trunks.items():
        stages = trunk.get("frozen_stages")
        if stages is not None and stages >= 0:
            raise ValueError(
                f"The config freezes twice: trainable={trainable!r}, and "
                f"{where}.frozen_stages={stages}. Keep `trainable` and leave "
                "out the other; docs/freezing.md says what takes its place."
            )


def asked_num_classes(cfg: Config) -> int | None:
    """Return the number of classes that the config itself gives, if it does."""
    model = innermost(cfg.model)
    return (model.get("head") or model).get("num_classes")
