"""Whether the steps that make an image a tensor are those of its part."""

from collections.abc import Iterator, Mapping

from mmengine.config import Config

from mmleaves.datasets.wrappers import inner_configs
from mmleaves.doctor.finding import Finding
from mmleaves.doctor.old_keys import OLD_STEPS, check_old_steps

_BY_CHANCE = ("Random", "ColorJitter", "AutoAugment", "RandAugment", "CutOut", "Albu")
# Of a batch, not of an image.
_OF_BATCHES = ("Mixup", "CutMix", "ResizeMix")
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def pipelines(cfg: Config) -> Mapping[str, list[dict]]:
    """Return every pipeline by the key where it stands."""
    found = {}
    for name in LOADERS:
        loader = cfg.get(name)
        if not loader or not loader.get("dataset"):
            continue
        for own in inner_configs(loader["dataset"]):
            if own.get("pipeline"):
                found[f"{name}.dataset.pipeline"] = own["pipeline"]
    return found


def check_pipelines(cfg: Config) -> Iterator[Finding]:
    """Yield steps of 0.x, missing ones, chance in validation, and double steps."""
    preprocessor = _preprocessor(cfg)
    for where, pipeline in pipelines(cfg).items():
        yield from check_old_steps(where, pipeline)
        kinds = [str(step.get("type")).split(".")[-1] for step in pipeline]
        if not {"PackInputs", "PackMultiTaskInputs", *OLD_STEPS} & set(kinds):
            yield Finding(
                "error",
                "pipeline",
                where,
                f"its last step is {kinds[-1]}, expected PackInputs, which makes the "
                "tensors that the model takes.",
                'dict(type="PackInputs")',
            )
        for i, kind in enumerate(kinds):
            if kind in _OF_BATCHES:
                yield Finding(
                    "error",
                    "pipeline",
                    f"{where}.{i}",
                    f"found {kind}, which mixes the images of a batch, among the steps "
                    "of one image.",
                    f'model = dict(train_cfg=dict(augments=[dict(type="{kind}", '
                    "alpha=0.8)]))",
                )
            if kind == "Normalize" and preprocessor.get("mean") is not None:
                yield Finding(
                    "error",
                    "pipeline",
                    f"{where}.{i}",
                    "found Normalize, and data_preprocessor.mean as well: the images "
                    "would be normalised twice.",
                    "(leave out this step)",
                )
            by_chance = kind.startswith(_BY_CHANCE) and kind != "RandomFlip"
            flips = kind == "RandomFlip" and pipeline[i].get("prob", 0)
            if not where.startswith("train") and (by_chance or flips):
                yield Finding(
                    "error",
                    "pipeline",
                    f"{where}.{i}",
                    f"found {kind}: what is scored would be drawn anew each time, and "
                    "is easier or harder than the images are.",
                    'dict(type="ResizeEdge", scale=256, edge="short"), '
                    'dict(type="CenterCrop", crop_size=224)',
                )


def _preprocessor(cfg: Config) -> dict:
    own = (cfg.get("model") or {}).get("data_preprocessor")
    return own or cfg.get("data_preprocessor") or {}
