"""Leave a record of the run that can be read without this package."""

import csv
import json
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmleaves.hooks.check_resume_hook import RESUMES
from mmleaves.hooks.curves import draw_curves
from mmleaves.hooks.environment import environment
from mmleaves.hooks.go_on_hook import ITERATIONS_DONE
from mmleaves.hooks.run_parts import run_parts
from mmleaves.names_as_text import as_text
from mmleaves.registry import HOOKS
from mmleaves.whole_files import write_whole

# In the message hub: the rate that the epoch began with.
_RATE = "epoch_lr"


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
        parts = run_parts(runner)
        self._record = {
            "config": runner.experiment_name.removesuffix(f"_{runner.timestamp}"),
            "seed": runner.seed,
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "resumed_from_epoch": runner.epoch or None,
            "classes": list(runner.train_dataloader.dataset.metainfo["classes"]),
            "images": {name: sum(map(len, part)) for name, part in parts.items()},
            "skipped_images": {
                part: {as_text(path): why for path, why in skipped.items()}
                for part, skipped in getattr(runner, "skipped_images", {}).items()
            },
            "environment": environment(),
            "resumes": runner.message_hub.runtime_info.get(RESUMES, []),
            "finished": None,
        }
        _write_json(folder / "run.json", self._record)
        _write_split(folder / "split.csv", parts)

    @master_only
    def before_train_epoch(self, runner: Runner) -> None:
        # Read before the schedules set the next epoch's. Where groups of parameters
        # have other rates, it is the one that the others are multiples of.
        rates = runner.optim_wrapper.get_lr()
        rate = rates.get("base_lr", rates["lr"])[0]
        hub = runner.message_hub
        if hub.runtime_info.get(ITERATIONS_DONE):
            rate = hub.get_info(_RATE)  # the epoch began in an earlier process
        hub.update_info(_RATE, rate)
        self._rows.append({"epoch": runner.epoch + 1, "lr": rate})

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        losses = runner.message_hub.get_scalar("train/loss")
        self._rows[-1]["train/loss"] = losses.mean(len(runner.train_dataloader))
        _write_rows(Path(runner.work_dir, "metrics.csv"), self._rows)

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self._record:  # a validation outside of training
            return
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self._rows.append({"epoch": runner.epoch, "iter": runner.iter})
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
        if "best_ckpt" in best:
            config = folder / Path(runner.cfg.filename or "config.py").name
            command = f"mmleaves test {config} {best['best_ckpt']}"
            runner.logger.info(f"To score the best checkpoint: {command}")


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
    with StringIO(newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
        _write(path, file.getvalue())


def _write_json(path: Path, record: dict) -> None:
    _write(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    # A resumed run reads what a killed one wrote.
    write_whole(path, lambda file: file.write_bytes(text.encode()))


def _write_split(path: Path, parts: dict[str, list[BaseDataset]]) -> None:
    with StringIO(newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "part"])
        for name, datasets in parts.items():
            for part in datasets:
                classes = part.metainfo["classes"]
                for i in range(len(part)):
                    info = part.get_data_info(i)
                    label = classes[info["gt_label"]] if "gt_label" in info else ""
                    writer.writerow([as_text(info["img_path"]), label, name])
        _write(path, file.getvalue())
