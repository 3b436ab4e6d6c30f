"""Checkpoints that no kill can lose."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmleaves.checkpoints.manifest import listed
from mmleaves.checkpoints.newest import INTERRUPTED
from mmleaves.checkpoints.pointer import write_pointer
from mmleaves.crash_points import reach
from mmleaves.names_as_text import shown
from mmleaves.registry import HOOKS
from mmleaves.whole_files import sweep

# So that there is another if the last one is damaged.
_FEWEST = 2
# In the message hub: files that a newer one has taken the place of.
_OUTDATED = "outdated_ckpts"
# In the message hub, by upstream: epochs or iterations whose checkpoints are there.
_KEPT = "keep_ckpt_ids"


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """Save checkpoints so that at any moment the newest whole one can be resumed.

    A file comes to its name when it is on the disk and was read back; then the pointer
    ``last_checkpoint`` names it; then older ones are removed, the best one too. Where a
    validation follows an epoch, the checkpoint is saved after it, so that it knows of
    it: a run that is killed in between does the epoch again. Upstream's deletes the old
    file first, and writes the new one in its place.

    Arguments are upstream's. With ``max_keep_ckpts`` 1, two are kept all the same, and
    with each best one comes the checkpoint that knows of it.
    """

    def before_train(self, runner: Runner) -> None:
        if self.max_keep_ckpts > 0:
            self.max_keep_ckpts = max(self.max_keep_ckpts, _FEWEST)
        super().before_train(runner)
        if is_main_process():
            # The run has its folder to itself: what is unfinished, nobody finishes.
            for folder in {self.out_dir, runner.work_dir}:
                sweep(Path(folder), older_than_seconds=0)
            # It may have been killed before it removed them.
            self._remove(runner.message_hub.runtime_info.get(_OUTDATED, []))

    def after_train_epoch(self, runner: Runner) -> None:
        if not validates_after(runner, runner.epoch + 1):
            super().after_train_epoch(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        before = self._best_files()
        # So that upstream neither deletes the best one nor saves the epoch again.
        self._set_best_files(dict.fromkeys(before))
        last, self.last_ckpt = self.last_ckpt, None
        super().after_val_epoch(runner, metrics)
        self.last_ckpt = last
        new = self._best_files()
        after = {key: path or before.get(key) for key, path in new.items()}
        self._set_best_files(after)
        replaced = [path for path in before.values() if path not in after.values()]
        step = runner.epoch if self.by_epoch else runner.iter
        if any(new.values()) or self._is_due(runner):
            unit = "epochs" if self.by_epoch else "iterations"
            runner.logger.info(f"Saving checkpoint at {step} {unit}")
            meta = {"epoch": runner.epoch, "iter": runner.iter}
            self._save(runner, step, meta, [path for path in replaced if path])

    def _is_due(self, runner: Runner) -> bool:
        # The epoch counts as done by now, where upstream's own test expects that not.
        since = runner.epoch - self.save_begin
        if not self.by_epoch or since < 0:
            return False
        every = self.interval > 0 and since % self.interval == 0
        return every or (self.save_last and runner.epoch == runner.max_epochs)

    def _best_files(self) -> dict[str, str | None]:
        """Return the file of the best checkpoint by each metric that chooses one."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_files(self, files: dict[str, str | None]) -> None:
        if len(files) == 1:
            (self.best_ckpt_path,) = files.values()
        elif files:
            self.best_ckpt_path_dict.update(files)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._save(runner, step, meta, [])

    def _save(
        self, runner: Runner, step: int, meta: dict, replaced: Sequence[str]
    ) -> None:
        name = self.filename_tmpl.format(step)
        outdated = [Path(path).name for path in replaced]
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            kept = [*self.keep_ckpt_ids, step]
            outdated += map(self.filename_tmpl.format, kept[: -self.max_keep_ckpts])
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info(_KEPT, list(self.keep_ckpt_ids))
        self.last_ckpt = str(Path(self.out_dir, name))
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.message_hub.update_info(_OUTDATED, outdated)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_pointer(Path(runner.work_dir), Path(self.last_ckpt))
            reach(f"{name} named")
            self._remove(outdated)
            Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)
            reach(f"{name} alone")

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            if is_own_name(name, self.filename_tmpl):
                Path(self.out_dir, name).unlink(missing_ok=True)


def is_own_name(name: object, filename_tmpl: str) -> bool:
    """Return whether a run that names its checkpoints so gives a file that name."""
    if not isinstance(name, str) or re.search(r"[/\\:\0]", name):
        return False
    numbered = re.escape(filename_tmpl.format("NUMBER")).replace("NUMBER", r"\d+")
    return bool(re.fullmatch(rf"{numbered}|best_.+\.pth", name))


def keep_own_files(runner: Runner, checkpoint: Path) -> None:
    """Forget the files that a resumed checkpoint names and that are not the run's own.

    Checkpoints are data, and what they name is replaced or deleted later. Only files of
    the run's own folder that its list has are its own; none is, if the checkpoint comes
    from elsewhere.

    Args:
        runner: What has read the checkpoint.
        checkpoint: Where it was read.
    """
    folder = folder_of_checkpoints(runner)
    places = {folder.resolve(), Path(runner.work_dir).resolve()}
    is_own = checkpoint.expanduser().parent.resolve() in places
    files = {entry["file"] for entry in listed(folder)} if is_own else set()
    hook = next(
        (hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None
    )
    template = hook.filename_tmpl if hook is not None else "epoch_{}.pth"
    known = runner.message_hub.runtime_info

    def own(name: object) -> bool:
        return is_own_name(name, template) and name in files

    def items(key: str) -> list:
        return known[key] if isinstance(known[key], list | tuple) else []

    if _OUTDATED in known:
        runner.message_hub.update_info(_OUTDATED, [*filter(own, items(_OUTDATED))])
    if _KEPT in known:
        steps = [step for step in items(_KEPT) if type(step) is int]
        kept = [step for step in steps if own(template.format(step))]
        runner.message_hub.update_info(_KEPT, kept)
    for key in [key for key in known if key.startswith("best_ckpt")]:
        # By its name alone: the folder may have been moved since.
        name = Path(known[key]).name if isinstance(known[key], str) else None
        is_there = is_own_name(name, template) and Path(folder, name).is_file()
        if is_own_name(name, template) and not is_there:
            runner.logger.warning(
                f"The best checkpoint so far, {shown(name)}, is not in {folder}. Its "
                "score is kept, and there is no best file until an epoch has a better "
                "one."
            )
        if is_there and own(name):
            runner.message_hub.update_info(key, str(folder / name))
        else:
            known.pop(key)


def folder_of_checkpoints(runner: Runner) -> Path:
    """Return where a run saves its checkpoints, before and after it has begun."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.out_dir is not None:
            out_dir = Path(hook.out_dir)
            name = Path(runner.work_dir).name
            return out_dir if out_dir.name == name else out_dir / name
    return Path(runner.work_dir)


def validates_after(runner: Runner, epoch: int) -> bool:
    """Return whether a validation follows that epoch, counted from 1."""
    loop = runner.train_loop
    if runner.val_loop is None or not isinstance(loop, EpochBasedTrainLoop):
        return False
    # As the loop itself decides once the epoch is over.
    interval = loop.val_interval
    for milestone, from_there in zip(
        loop.dynamic_milestones, loop.dynamic_intervals, strict=True
    ):
        if epoch + 1 >= milestone:
            interval = from_there
    due = epoch % interval == 0 or epoch == loop.max_epochs
    return epoch >= loop.val_begin and due
