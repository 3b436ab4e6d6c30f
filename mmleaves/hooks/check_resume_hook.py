"""Say what changed since the run that is resumed was begun."""

from collections.abc import Sequence
from datetime import datetime, timezone

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.datasets.overlap import moving_keys
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.hooks.changed_settings import (
    ChangedSettings,
    changed_settings,
    settings,
)
from mmleaves.registry import HOOKS

# In the message hub, and in run.json: when the run was resumed, and with what changed.
RESUMES = "resumes"
# What a checkpoint says of the run that wrote it; others' checkpoints and older ones
# lack some.
_COMPARED = {
    "settings": "the settings",
    "train_files": "the images and labels",
    "world_size": "the number of processes",
}
_SHOWN = 6


@HOOKS.register_module()
class CheckResumeHook(Hook):
    """Refuse to resume what is no longer the run that was begun.

    That is one with other images, labels or settings, or another number of processes.
    Settings that change no weight, as of the validation where no schedule goes by it,
    or the number of epochs, are named in the log. With ``force`` set on the
    runner all of it is, and ``run.json`` tells of it, and of what the checkpoint does
    not say and so was not compared.

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
        meta["world_size"] = runner.world_size
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
        changes = self._changes(runner, before)
        for change in changes.workers:
            runner.logger.info(f"{change}: the weights do not go by it.")
        if changes.refused and not force:
            raise ValueError(
                "This is not the run that was begun, and would end with other weights: "
                f"{_some(changes.refused)}. Resume with what it began with; or go on "
                "all the same with --force, which run.json will say; or begin another: "
                "--work-dir FOLDER, without --resume."
            )
        changed = changes.refused + changes.named
        if changed:
            runner.logger.warning(
                f"Since the run was begun, this has changed: {_some(changed)}."
            )
        unknown = [what for key, what in _COMPARED.items() if key not in before]
        if "settings" not in before:
            runner.logger.warning(
                "The checkpoint does not say how its run was begun, as one of stock "
                f"MMEngine does not: {', '.join(unknown)} cannot be compared, and may "
                "be others. run.json says so."
            )
        told = changed + changes.workers
        resume = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "after_epoch": runner.epoch,
            # An empty list would say that nothing has.
            "changed": told if told or "settings" in before else None,
            "not_compared": unknown,
            "forced": force,
        }
        earlier = runner.message_hub.runtime_info.get(RESUMES, [])
        runner.message_hub.update_info(RESUMES, [*earlier, resume])

    def _changes(self, runner: Runner, before: dict) -> ChangedSettings:
        """Return what has changed, of what the checkpoint's ``meta`` says."""
        changes = ChangedSettings()
        if "settings" in before:
            changes = changed_settings(before["settings"], runner.cfg)
        others = _changed_images(before, self._parts(runner))
        then, now = before.get("world_size"), runner.world_size
        if then not in (None, now):
            others.append(f"the number of processes was {then}, is {now}")
        changes.refused = others + changes.refused
        return changes

    def _parts(self, runner: Runner) -> dict[str, dict[int, tuple[str, int]]]:
        # Once for all checkpoints of a run, as each path is resolved.
        if self._images is None:
            self._images = _images(runner)
        return self._images


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
