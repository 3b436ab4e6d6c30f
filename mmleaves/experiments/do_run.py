"""Do one run of an experiment: train, predict the scored fold, write it down."""

import csv
import platform
import shlex
import shutil
import time
from pathlib import Path

import torch
from mmengine.config import Config

from mmleaves.checkpoints.pointer import named_file
from mmleaves.commands import train
from mmleaves.evidence.plan import Plan, read_plan
from mmleaves.evidence.predict import predict
from mmleaves.evidence.predictions import Predictions
from mmleaves.evidence.run_files import SCORED_BY_EPOCH, RunRecord, write_run
from mmleaves.experiments.image_table import file_hash, read_images
from mmleaves.experiments.recipes import read_recipe
from mmleaves.experiments.run_config import has_test, plan_seed, run_config
from mmleaves.experiments.runs import LOCK, Run
from mmleaves.experiments.uses import SCORE, SELECT, TRAIN, image_uses
from mmleaves.hooks.environment import environment
from mmleaves.locks import hold
from mmleaves.names_as_text import from_text
from mmleaves.whole_files import write_whole

TRAINING, COMMAND = "training", "train.sh"


def do_run(run: Run) -> bool:
    """Do a run, unless it is done or another process is at it.

    What a run left behind that was stopped half-way is removed, and it is started over:
    so every result is what its seed gives, never that of a training in two pieces.

    Args:
        run: The run; its experiment has a plan.

    Returns:
        Whether it is complete; False if another process is doing it.

    Raises:
        SystemExit: If the training was refused; its message was printed.
        ValueError: If it was trained or scored on other images than planned.
    """
    with hold(run.folder / LOCK) as held:
        if not held:
            return False
        if not run.is_complete:
            _do(run)
        return True


def _do(run: Run) -> None:
    started = time.perf_counter()
    plan = read_plan(run.experiment)
    training = run.folder / TRAINING
    shutil.rmtree(training, ignore_errors=True)
    path = _write_config(run, plan)
    arguments = [str(path), "--work-dir", str(training)]
    _write_command(run, [str(path), "--work-dir", str(run.folder / "by-hand")])
    # The command itself, so that to repeat it by hand is the same.
    train.main(arguments)
    cfg = Config.fromfile(path)
    cfg.experiment_name = f"{run.config}_predictions"
    predictions = predict(cfg, str(_checkpoint(training, plan.epoch_rule)), None)
    hashes = [file_hash(path) for path in predictions.paths]
    seen = _seen(training)
    _check(run, plan, seen, hashes)
    if (scores := training / SCORED_BY_EPOCH).is_file():
        shutil.copyfile(scores, run.folder / SCORED_BY_EPOCH)
    _write(run, plan, predictions, hashes, seen, (time.perf_counter() - started) / 60)
    if not run.keep_weights:
        for file in training.glob("*.pth"):
            file.unlink()


def _write_config(run: Run, plan: Plan) -> Path:
    images = read_images(run.experiment)
    cfg = run_config(
        read_recipe(run.experiment, run.config).cfg,
        plan,
        run.experiment,
        run.repeat,
        run.fold,
        with_test=has_test(images),
        score_every_epoch=run.score_every_epoch,
    )
    text = f"# As planned: {run.name}.\n{cfg.pretty_text}"
    path = run.folder / f"{run.config}.py"
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
    return path


def _write_command(run: Run, arguments: list[str]) -> None:
    lines = [
        "#!/bin/sh",
        f"# The training of this run, once more, into {arguments[-1]}.",
        # More threads add up in another order, and give other last digits.
        f"export OMP_NUM_THREADS={torch.get_num_threads()}",
        f"cd {shlex.quote(str(Path.cwd()))} &&",
        f"exec mmleaves train {shlex.join(arguments)}",
    ]
    (run.folder / COMMAND).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _checkpoint(training: Path, epoch_rule: str) -> Path:
    if epoch_rule == "last":
        return training / named_file(training)
    found = sorted(training.glob("best_*.pth"))
    if len(found) != 1:
        raise ValueError(
            f"{training}: found {len(found)} checkpoints of best epochs, expected one. "
            "Set default_hooks.checkpoint.save_best to one metric that is measured."
        )
    return found[0]


def _seen(training: Path) -> dict[str, frozenset[str]]:
    """Return the content hashes of what the training recorded that it used."""
    path = training / "split.csv"
    if not path.is_file():
        raise ValueError(
            f"{training}: found no split.csv, expected the record of what was trained "
            "on. Leave default_hooks.run_record in the config."
        )
    hashes: dict[str, set[str]] = {"train": set(), "val": set()}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["part"] in hashes:
                hashes[row["part"]].add(file_hash(from_text(row["image"])))
    return {TRAIN: frozenset(hashes["train"]), SELECT: frozenset(hashes["val"])}


def _check(
    run: Run, plan: Plan, seen: dict[str, frozenset[str]], scored: list[str]
) -> None:
    uses = image_uses(plan, read_images(run.experiment), run.repeat, run.fold)
    for use, found in {**seen, SCORE: frozenset(scored)}.items():
        planned = {key for key, other in uses.items() if other == use}
        if planned != found:
            raise ValueError(
                f"{run.folder}: found {len(found)} images that were used to {use}, "
                f"expected the {len(planned)} of the plan; {len(planned ^ found)} "
                "differ. The data changed while the run was going on: put them back, "
                "and start it again."
            )


def _write(
    run: Run,
    plan: Plan,
    predictions: Predictions,
    hashes: list[str],
    seen: dict[str, frozenset[str]],
    minutes: float,
) -> None:
    packages = {k: v for k, v in environment()["packages"].items() if v is not None}
    record = RunRecord(
        config=run.config,
        repeat=run.repeat,
        fold=run.fold,
        seed=plan_seed(plan, run.repeat, run.fold),
        split_seed=plan.repeats[run.repeat].split_seed,
        config_sha256=plan.configs[run.config],
        data_sha256=plan.data_sha256,
        epoch_rule=plan.epoch_rule,
        minutes=round(minutes, 4),
        versions={"python": platform.python_version(), **packages},
    )
    write_run(
        run.experiment,
        record,
        predictions,
        hashes,
        trained=seen[TRAIN],
        selected=seen[SELECT],
    )
