"""Settings of MMClassification 0.x, which nothing reads any more."""

from collections.abc import Callable, Iterator

from mmengine.config import Config

from mmleaves.doctor.finding import Finding


def _data(old: dict) -> str:
    size, workers = old.get("samples_per_gpu", 32), old.get("workers_per_gpu", 2)
    return (
        f"train_dataloader = dict(batch_size={size}, num_workers={workers}, "
        "dataset=dict(...)), and the same for val_dataloader and test_dataloader"
    )


def _epochs(old: object) -> str:
    epochs = old.get("max_epochs", "N") if isinstance(old, dict) else old
    return f"train_cfg = dict(by_epoch=True, max_epochs={epochs}, val_interval=1)"


def _optimizer(old: dict) -> str:
    settings = ", ".join(f"{key}={value!r}" for key, value in old.items())
    return f"optim_wrapper = dict(optimizer=dict({settings}))"


def _schedule(old: dict) -> str:
    if old.get("policy") == "step":
        steps = old.get("step", [])
        milestones = list(steps) if isinstance(steps, list | tuple) else steps
        return f'param_scheduler = dict(type="MultiStepLR", milestones={milestones})'
    return 'param_scheduler = dict(type="CosineAnnealingLR", T_max=EPOCHS)'


def _checkpoint(old: dict) -> str:
    return f"default_hooks = dict(checkpoint=dict(interval={old.get('interval', 1)}))"


def _fixed(line: str) -> Callable[[object], str]:
    return lambda old: line


OLD = {
    "data": _data,
    "runner": _epochs,
    "total_epochs": _epochs,
    "optimizer": _optimizer,
    "optimizer_config": _fixed("optim_wrapper = dict(clip_grad=dict(max_norm=...))"),
    "lr_config": _schedule,
    "momentum_config": _fixed(
        'param_scheduler = [dict(type="CosineAnnealingMomentum")]'
    ),
    "evaluation": _fixed('val_evaluator = [dict(type="Accuracy", topk=(1,))]'),
    "checkpoint_config": _checkpoint,
    "log_config": _fixed("default_hooks = dict(logger=dict(interval=50))"),
    "img_norm_cfg": _fixed("data_preprocessor = dict(mean=..., std=..., to_rgb=True)"),
    "dist_params": _fixed("env_cfg = dict(dist_cfg=dict(backend='nccl'))"),
    "workflow": _fixed("(leave it out: val_dataloader and val_evaluator say it)"),
    "resume_from": _fixed("mmleaves train CONFIG --resume CHECKPOINT"),
    "fp16": _fixed('precision = "bfloat16"'),
    "cudnn_benchmark": _fixed("env_cfg = dict(cudnn_benchmark=True)"),
    "gpu_ids": _fixed("(leave it out: CUDA_VISIBLE_DEVICES says it)"),
}
# Of these names, a dict or list with such keys alone is the old thing.
_TELLTALE = {
    "data": {"samples_per_gpu", "workers_per_gpu", "train", "val", "test"},
    "runner": {"type", "max_epochs", "max_iters"},
    "optimizer": {"type"},
    "evaluation": {"interval", "metric", "metric_options", "save_best"},
    "img_norm_cfg": {"mean", "std"},
}
OLD_STEPS = {
    "ImageToTensor": 'dict(type="PackInputs")',
    "ToTensor": 'dict(type="PackInputs")',
    "Collect": 'dict(type="PackInputs")',
    "DefaultFormatBundle": 'dict(type="PackInputs")',
}
OLD_ARGUMENTS = {
    ("RandomFlip", "flip_prob"): "prob",
    ("RandomResizedCrop", "size"): "scale",
    ("Resize", "size"): "scale",
}


def check_old_keys(cfg: Config) -> Iterator[Finding]:
    """Yield each setting of 0.x, with what took its place."""
    for key, replacement in OLD.items():
        old = cfg.get(key)
        if old is None:
            continue
        if key in _TELLTALE and not (
            isinstance(old, dict) and _TELLTALE[key] & old.keys()
        ):
            continue
        if key in ("optimizer", "img_norm_cfg") and cfg.get("train_dataloader"):
            own = cfg.get(
                "optim_wrapper" if key == "optimizer" else "data_preprocessor"
            )
            if own:
                continue  # a variable that the new setting was made of
        yield Finding(
            "error",
            "old-key",
            key,
            "found a setting of MMClassification 0.x, which nothing reads any more.",
            replacement(old),
        )


def check_old_steps(where: str, pipeline: list[dict]) -> Iterator[Finding]:
    """Yield each step of a pipeline, and each argument, that 0.x had."""
    for i, step in enumerate(pipeline):
        kind = step.get("type")
        if kind in OLD_STEPS:
            yield Finding(
                "error",
                "old-key",
                f"{where}.{i}.type",
                f"found {kind!r}, a step of MMClassification 0.x.",
                OLD_STEPS[kind],
            )
        for key in step:
            if new := OLD_ARGUMENTS.get((kind, key)):
                yield Finding(
                    "error",
                    "old-key",
                    f"{where}.{i}.{key}",
                    f"found {key!r}, as {kind} called it in MMClassification 0.x, "
                    f"expected {new!r}.",
                    f'dict(type="{kind}", {new}={step[key]!r})',
                )
