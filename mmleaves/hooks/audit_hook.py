"""Audit the data before the first epoch, and say of which parts no score counts."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.facts_cache import look_with_cache
from mmleaves.audit.from_datasets import (
    config_megapixels,
    part_of,
    part_of_loader,
    unlisted_images,
)
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Report
from mmleaves.audit.terminal import sentence
from mmleaves.datasets.overlap import image_keys, trained_keys
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.hooks.run_parts import run_parts
from mmleaves.registry import HOOKS
from mmleaves.whole_files import write_whole

FILE = "audit.json"


@HOOKS.register_module()
class AuditHook(Hook):
    """Look for copies, leaks and wrong labels, as ``mmleaves check`` does.

    Before a training, all its parts are looked into, those that are tested later as
    well. What was found goes into the log and whole into ``audit.json``. One may train
    on parts that share pictures; but then the log says that their scores are no test
    scores, and so do the scores of ``mmleaves test``, which looks again at the images
    that it scores. What was read once is kept, and read again only when a file has
    changed.

    Args:
        max_images: More than these are left to ``mmleaves check``, since a first look
            at so many takes minutes.
    """

    # After the checks that stop a run, which are faster.
    priority = "NORMAL"

    def __init__(self, max_images: int = 100_000) -> None:
        self.max_images = max_images
        self._trained: set[int] = set()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._trained = trained_keys(checkpoint)

    @master_only
    def before_train(self, runner: Runner) -> None:
        report = self._audit(runner.cfg, run_parts(runner), unlisted=True)
        if report is None:
            return
        path = Path(runner.work_dir, FILE)
        # In ASCII: names of files may be no text.
        text = json.dumps(report.as_dict(), indent=2) + "\n"
        write_whole(path, lambda file: file.write_text(text, encoding="ascii"))
        runner.leaks = dict(report.leaks)
        _say(summary_lines(report, path), grave=report.has_errors)

    @master_only
    def before_test(self, runner: Runner) -> None:
        # Of the training that went before, if there was one in this process.
        runner.leaks = {}
        scored = runner.test_dataloader.dataset
        if not self._trained or not _has_labels(scored):
            return
        cfg = runner.cfg
        name = "val" if cfg.test_dataloader == cfg.get("val_dataloader") else "test"
        trained = _trained_part(cfg, self._trained)
        if lacking := len(self._trained) - len(image_keys(trained.paths)):
            _say(
                [
                    f"{lacking} of the {len(self._trained)} images that the checkpoint "
                    f"was trained on are not here: whether any of them is nearly the "
                    f"same as one in {name} was not looked at."
                ],
                grave=False,
            )
        if trained.paths:
            parts = {"train": trained, name: list(inner_datasets(scored))}
            if report := self._audit(cfg, parts):
                runner.leaks = dict(report.leaks)

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        if runner.leaks:
            _say(list(runner.leaks.values()), grave=True)

    def _audit(
        self,
        cfg: Config,
        parts: Mapping[str, Part | Sequence[BaseDataset]],
        *,
        unlisted: bool = False,
    ) -> Report | None:
        """Return what was found, or None, said in the log, if nothing was looked at."""
        try:
            known = [
                part
                if isinstance(part, Part)
                else part_of(name, part, find_groups=True)
                for name, part in parts.items()
            ]
            found = unlisted_images(parts) if unlisted else []
        except (OSError, ValueError) as error:
            _say([f"The data were not audited. {error}"], grave=False)
            return None
        count = sum(len(part.paths) for part in known)
        if count > self.max_images:
            _say(
                [
                    f"The data were not audited: found {count} images, expected at "
                    f"most {self.max_images}. Call `mmleaves check` with this config "
                    "once, or set default_hooks.audit.max_images."
                ],
                grave=False,
            )
            return None
        limit = config_megapixels(cfg) or 64
        return look_with_cache(
            lambda cache: audit_parts(known, found, cache=cache, max_megapixels=limit),
            lambda text: _say([text], grave=False),
        )


def summary_lines(report: Report, path: Path) -> list[str]:
    """Return what a log says of an audit: a line for each grave finding."""
    grave = [finding for finding in report.findings if finding.severity != "note"]
    if not grave:
        return [f"Nothing is wrong with the data, as far as an audit can see ({path})."]
    return [
        f"An audit of the data, whole in {path}; `mmleaves check` with this config and "
        "--html PAGE shows the images:",
        *(
            f"  {finding.severity}: {finding.where}: {sentence(finding.found)}"
            for finding in grave
        ),
        *report.leaks.values(),
    ]


def _say(lines: Sequence[str], *, grave: bool) -> None:
    level = logging.WARNING if grave else logging.INFO
    print_log("\n".join(lines), logger="current", level=level)


def _has_labels(dataset: object) -> bool:
    return all("gt_label" in d.get_data_info(0) for d in inner_datasets(dataset))


def _trained_part(cfg: Config, trained: Collection[int]) -> Part:
    """Return those training images of a checkpoint that the config's data hold."""
    part = Part("train", [], [])
    for loader in ("train_dataloader", "val_dataloader"):
        if not cfg.get(loader):
            continue
        try:
            here = part_of_loader("train", cfg[loader])
        except (FileNotFoundError, ValueError):
            continue  # they are not here, which is counted and said
        keys = [next(iter(image_keys([path]))) for path in here.paths]
        kept = [i for i, key in enumerate(keys) if key in trained]
        groups = here.groups or [""] * len(keys)
        part = replace(
            part,
            paths=[*part.paths, *(here.paths[i] for i in kept)],
            labels=[*part.labels, *(here.labels[i] for i in kept)],
            classes=here.classes,
            groups=[*(part.groups or ()), *(groups[i] for i in kept)],
            group_column=here.group_column or part.group_column,
        )
    return part
