"""Leave a record of the run that can be read without this package."""

import csv
import json
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.hooks.curves import draw_curves
from mmleaves.registry import HOOKS

PACKAGES = (
    "mmleaves",
    "mmpretrain",
    "mmengine",
    "mmcv-lite",
    "torch",
    "torchvision",
    "numpy",
    "opencv-python",
)


@HOOKS.register_module()
class RunRecordHook(Hook):
    """Write, into the run's folder:

    - ``run.json``: config, seed, classes, versions, machine, and the result;
    - ``split.csv``: every image with its label and part;
    - ``metrics.csv``: a row an epoch, with the learning rate, the mean training loss
      and every metric of the validation;
    - ``curves.png``: the same as a picture.
    """  # noqa: D415

    priority = "LOW"

    def __init__(self) -> None:
        self._rows: list[dict] = []
        self._record: dict = {}

    @master_only
    def before_train(self, runner: Runner) -> None:
        folder = Path(runner.work_dir)
        self._rows = _read_rows(folder / "metrics.csv", up_to_epoch=runner.epoch)
        train = runner.train_dataloader.dataset
        parts = {"train": train}
        if runner.val_loop is not None:
            parts["val"] = runner.val_dataloader.dataset
        self._record = {
            "config": runner.experiment_name.removesuffix(f"_{runner.timestamp}"),
            "seed": runner.seed,
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "resumed_from_epoch": runner.epoch or None,
            "classes": list(train.metainfo.get("classes", [])),
            "images": {name: len(part) for name, part in parts.items()},
            "environment": environment(),
            "finished": None,
        }
        _write_json(folder / "run.json", self._record)
        _write_split(folder / "split.csv", parts)

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        losses = runner.message_hub.get_scalar("train/loss")
        rates = runner.optim_wrapper.get_lr()
        row = {"epoch": runner.epoch + 1, "lr": max(next(iter(rates.values())))}
        row["train/loss"] = losses.mean(len(runner.train_dataloader))
        self._rows.append(row)
        _write_rows(Path(runner.work_dir, "metrics.csv"), self._rows)

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self._rows:  # a validation outside of training
            return
        self._rows[-1].update({f"val/{key}": value for key, value in metrics.items()})
        _write_rows(Path(runner.work_dir, "metrics.csv"), self._rows)

    @master_only
    def after_train(self, runner: Runner) -> None:
        folder = Path(runner.work_dir)
        finished = datetime.now(timezone.utc).isoformat(timespec="seconds")
        last = self._rows[-1] if self._rows else {}
        hub = runner.message_hub
        best = {
            key: hub.get_info(key)
            for key in ("best_score", "best_ckpt")
            if key in hub.runtime_info
        }
        self._record |= {"finished": finished, "last_epoch": last, **best}
        _write_json(folder / "run.json", self._record)
        if self._rows:
            draw_curves(self._rows, folder / "curves.png")
            runner.logger.info(
                f"The run is recorded in {folder}: run.json, split.csv, metrics.csv, "
                "curves.png."
            )


def environment() -> dict[str, object]:
    """Return versions of Python and the packages, and what machine this is."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    device = get_device()
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
        "packages": packages,
    }


def _read_rows(path: Path, *, up_to_epoch: int) -> list[dict]:
    if up_to_epoch == 0 or not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = [
            {key: float(value) for key, value in row.items() if value != ""}
            for row in csv.DictReader(file)
        ]
    for row in rows:
        row["epoch"] = int(row["epoch"])
    return [row for row in rows if row["epoch"] <= up_to_epoch]


def _write_rows(path: Path, rows: list[dict]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, record: dict) -> None:
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _write_split(path: Path, parts: dict[str, BaseDataset]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "part"])
        for name, part in parts.items():
            classes = part.metainfo["classes"]
            for i in range(len(part)):
                info = part.get_data_info(i)
                writer.writerow([info["img_path"], classes[info["gt_label"]], name])
