"""Say what changed since the run that is resumed was begun."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.datasets.overlap import moving_keys
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.registry import HOOKS

# In the message hub, and in run.json: when the run was resumed, and with what changed.
RESUMES = "resumes"
# By what a setting's name begins with. All others are refused, as far as anyone knows
# the weights become others.
#
# Of no matter for the result, or looked at elsewhere: images one by one, `trainable`.
_FREE = re.compile(
    r"(work_dir|load_from|resume|launcher|log_level|log_processor|env_cfg|visualizer"
    r"|vis_backends|default_scope|custom_imports|trainable"
    r"|image_cache\.(folder|limit_gb)|feature_cache\.(folder|memory_gb)"
    r"|skip_bad|runner_type|experiment_name|(test|tta)_\w+"
    r"|default_hooks\.(audit|check_\w+|checkpoint|logger|progress_bar|run_record"
    r"|stop_on_signal|timer|visualization|watch_loader)"
    r"|train_dataloader\.(num_workers|persistent_workers|pin_memory|prefetch_factor"
    r"|timeout|multiprocessing_context))(\.|$)"
    r"|.*\.(data_root|data_prefix|ann_file|img_prefix|init_cfg)(\.|$)"
)
# Of the validation, and of how long the run is.
_NAMED = re.compile(
    # Large photographs are shrunk a little otherwise without it.
    r"(image_cache|val_\w+|default_hooks\.early_stopping|train_cfg\.(max_epochs|max_iters|val_begin"
    r"|val_interval|dynamic_intervals))(\.|$)"
)
_WORKERS = "train_dataloader.num_workers"
_SHOWN = 6


@HOOKS.register_module()
class CheckResumeHook(Hook):
    """Refuse to resume a run with other images, labels or settings than it began with.

    Settings that change no weight, as of the validation or the number of epochs, are
    named in the log. With ``force`` set on the runner all of it is, and ``run.json``
    tells of it.

    Raises:
        ValueError: If what is trained on, or how, is not the same; names what.
    """

    # Before the images are read.
    priority = "VERY_HIGH"
    _before: dict | None = None
    _images: dict[str, dict[int, tuple[str, int]]] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume:
            self._before = checkpoint.get("meta", {})

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        meta = checkpoint["meta"]
        meta["settings"] = settings(runner.cfg.to_dict())
        for part, images in self._parts(runner).items():
            keys = sorted(images)
            # Not `train_images`, which tells where they lie.
            meta[f"{part}_files"] = torch.tensor(keys)
            meta[f"{part}_labels"] = torch.tensor([images[key][1] for key in keys])

    def before_train(self, runner: Runner) -> None:
        before, self._before = self._before, None
        self._images = None
        if before is None:
            return
        force = getattr(runner, "force", False)
        here = settings(runner.cfg.to_dict())
        refused = _changed_images(before, self._parts(runner))
        named = []
        # Stock's checkpoints have none.
        then, now = map(_with_caches, (before.get("settings", here), here))
        for name in sorted(then.keys() | now.keys()):
            old, new = then.get(name, "not set"), now.get(name, "not set")
            change = f"{name} was {old}, is {new}"
            if old == new:
                continue
            if name == _WORKERS:
                runner.logger.info(f"{change}: the weights do not go by it.")
            elif not _FREE.match(name):
                (named if _NAMED.match(name) else refused).append(change)
        if refused and not force:
            raise ValueError(
                "This is not the run that was begun, and would end with other weights: "
                f"{_some(refused)}. Resume with what it began with; or go on all the "
                "same with --force, which run.json will say; or begin another: "
                "--work-dir FOLDER, without --resume."
            )
        if refused or named:
            runner.logger.warning(
                f"Since the run was begun, this has changed: {_some(refused + named)}."
            )
        resume = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "after_epoch": runner.epoch,
            "changed": refused + named,
            "forced": force,
        }
        earlier = runner.message_hub.runtime_info.get(RESUMES, [])
        runner.message_hub.update_info(RESUMES, [*earlier, resume])

    def _parts(self, runner: Runner) -> dict[str, dict[int, tuple[str, int]]]:
        # Once for all checkpoints of a run, as each path is resolved.
        if self._images is None:
            self._images = _images(runner)
        return self._images


def settings(config: object, name: str = "") -> dict[str, str]:
    """Return a config as one value, in writing, for each setting's dotted name."""
    children = _children(config)
    if children is None:
        return {name: re.sub(r" at 0x[0-9a-f]+", "", repr(config))}
    found = {}
    for key, child in children:
        found |= settings(child, f"{name}.{key}" if name else str(key))
    return found


def _with_caches(found: dict[str, str]) -> dict[str, str]:
    """Return settings that say of each cache whether it is used, however they do."""
    told = {}
    for cache in ("image_cache", "feature_cache"):
        own = found.get(cache, "None")
        used = own != "None" or any(n.startswith(f"{cache}.") for n in found)
        told[cache] = "used" if used else "not used"
    return found | told


def _children(config: object) -> Iterator | None:
    if isinstance(config, Mapping) and config:
        return iter(config.items())
    nested = isinstance(config, list | tuple) and any(
        isinstance(child, Mapping) for child in config
    )
    return enumerate(config) if nested else None


def _images(runner: Runner) -> dict[str, dict[int, tuple[str, int]]]:
    """Return for each part the path and label of its images, by their keys."""
    loaders = {"train": runner.train_dataloader}
    if runner.val_loop is not None:
        loaders["val"] = runner.val_dataloader
    return {
        part: moving_keys(inner_datasets(loader.dataset))
        for part, loader in loaders.items()
    }


def _changed_images(before: dict, now: dict[str, dict]) -> list[str]:
    changes = []
    for part, images in now.items():
        if f"{part}_files" not in before:
            continue
        keys = before[f"{part}_files"].tolist()
        known = set(keys)
        new = [path for key, (path, _) in images.items() if key not in known]
        gone = len(known - images.keys())
        if new or gone:
            such = f", such as {min(new)}" if new else ""
            changes.append(
                f"the {part} part is other data, or split in another way: of "
                f"{len(keys)} images {gone} are gone, and {len(new)} are new{such}"
            )
        labels = before[f"{part}_labels"]
        relabelled = [
            images[key][0]
            for key, label in zip(keys, labels.tolist(), strict=True)
            if key in images and images[key][1] != label
        ]
        if relabelled:
            changes.append(
                f"{len(relabelled)} images of the {part} part have another label, such "
                f"as {min(relabelled)}"
            )
    return changes


def _some(changes: Sequence[str]) -> str:
    more = len(changes) - _SHOWN
    return "; ".join(changes[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
