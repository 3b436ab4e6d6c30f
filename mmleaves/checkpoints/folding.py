"""From a trained net of many branches, the checkpoint and config of a plain one."""

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmleaves.checkpoints.loading import checkpoint_classes, load_from_local
from mmleaves.checkpoints.plain import to_plain
from mmleaves.model_config import fit_num_classes
from mmleaves.models.folding import (
    difference,
    fold_exactly,
    folding_setting,
    outputs,
)
from mmleaves.registry import MODELS


@dataclass(frozen=True)
class Folded:
    """A folded net and how it compares with the one it came from.

    Args:
        cfg: The config with the folded backbone.
        checkpoint: Its weights, the classes, and which images were trained on.
        differences: Largest difference of the outputs, relative to the largest output,
            in float64, and as it will run, in float32.
        parameters: Number of them before and after.
        images_per_s: Speed before and after, in images a second.
    """

    cfg: Config
    checkpoint: dict
    differences: tuple[float, float]
    parameters: tuple[int, int]
    images_per_s: tuple[float, float]


def fold(cfg: Config, checkpoint: str, *, image_px: int | None = None) -> Folded:
    """Return the folded net of a config and a checkpoint that training wrote.

    Args:
        cfg: Config that the model was trained with.
        checkpoint: File of its weights.
        image_px: Side of the random images to compare with, as the config's test images
            by default.

    Raises:
        ValueError: If there is nothing to fold, the checkpoint is none of this config's
            model, or the folded net gives other outputs.
        FileNotFoundError: If there is no such checkpoint.
    """
    setting = folding_setting(cfg.model.get("backbone") or {})
    stored = load_from_local(checkpoint, "cpu")
    if any(".lora_down." in name for name in stored["state_dict"]):
        raise ValueError(
            f"{checkpoint} holds low-rank updates, as of trainable='lora:4', which "
            "folding would leave out. Fold one that was trained by another policy."
        )
    sized = copy.deepcopy(cfg)
    if classes := checkpoint_classes(checkpoint):
        fit_num_classes(sized, len(classes))
    elif sized.model.head.get("num_classes") is None:
        raise ValueError(
            f"{checkpoint} does not name the classes it was trained on, so the size of "
            "the classifier is unknown. Expected a checkpoint that training wrote."
        )
    model = _build(sized)
    try:
        model.load_state_dict(stored["state_dict"])
    except (RuntimeError, KeyError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            f"{checkpoint} is not a checkpoint of this config's model: "
            f"{' '.join(lines[:2])[:400]} Use the config that it was trained with."
        ) from error
    count = _count(model)
    px = image_px or _image_px(cfg)
    images = torch.randn(8, 3, px, px, generator=torch.Generator().manual_seed(0))
    as_trained = outputs(model, images)
    speed = _images_per_s(model, images)
    exact = fold_exactly(model, images[:2])

    folded_cfg = copy.deepcopy(cfg)
    folded_cfg.model.backbone[setting] = True
    # Its names are those of the net as it was trained.
    folded_cfg.model.backbone.pop("init_cfg", None)
    folded_cfg.load_from = None
    folded_cfg.pop("trainable", None)
    folded_cfg.pop("work_dir", None)
    sized.model.backbone = folded_cfg.model.backbone
    plain = _build(sized)
    plain.load_state_dict(model.float().state_dict())
    as_folded = outputs(plain, images)
    meta = {**(stored.get("meta") or {}), "cfg": folded_cfg.pretty_text}
    return Folded(
        cfg=folded_cfg,
        checkpoint={"meta": meta, "state_dict": plain.state_dict()},
        differences=(exact, difference(as_folded, as_trained)),
        parameters=(count, _count(plain)),
        images_per_s=(speed, _images_per_s(plain, images)),
    )


def write_folded(folded: Folded, out: str) -> Path:
    """Write the checkpoint to ``out`` and its config beside it; return the config.

    Raises:
        ValueError: If ``out`` is not called ``.pth``.
        FileExistsError: If either file is there already.
    """
    check_out(out)
    weights, config = Path(out), Path(out).with_suffix(".py")
    weights.parent.mkdir(parents=True, exist_ok=True)
    title = '"""A net folded by `mmleaves fold`: to test and predict with."""\n\n'
    config.write_text(title + folded.cfg.pretty_text, "utf-8")
    half = weights.with_name(f"{weights.name}.half")
    torch.save(to_plain(folded.checkpoint), half)
    half.replace(weights)
    return config


def check_out(out: str) -> None:
    """Refuse a name for the folded checkpoint that could not be written to.

    Raises:
        ValueError: If it does not end in ``.pth``.
        FileExistsError: If it or its config is there already.
    """
    if Path(out).suffix != ".pth":
        raise ValueError(
            f"{out}: expected the name of a checkpoint, such as folded.pth."
        )
    for path in (Path(out), Path(out).with_suffix(".py")):
        if path.exists():
            raise FileExistsError(
                f"{path} is there already. Name another file, or delete it first."
            )


def _build(cfg: Config) -> nn.Module:
    if not DefaultScope.check_instance_created("fold"):
        scope = cfg.get("default_scope", "mmpretrain")
        DefaultScope.get_instance("fold", scope_name=scope)
    return MODELS.build(copy.deepcopy(cfg.model)).eval()


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _images_per_s(model: nn.Module, images: Tensor, repeats: int = 3) -> float:
    """Return the highest of a few speeds, in the memory layout that runs use."""
    model.to(memory_format=torch.channels_last)
    images = images.to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        outputs(model, images)
        seconds.append(time.perf_counter() - start)
    return len(images) / min(seconds)


def _image_px(cfg: Config) -> int:
    size = cfg.model.backbone.get("img_size")
    loader = cfg.get("test_dataloader") or {}
    for step in (loader.get("dataset") or {}).get("pipeline", []):
        size = step.get("crop_size") or step.get("scale") or size
    return int(size[0] if isinstance(size, list | tuple) else size or 224)
