"""Train configs again and again, on other folds and by other seeds, and compare."""

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmleaves import exit_codes
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write

if TYPE_CHECKING:
    from mmleaves.experiments.runs import Run


# Beyond, a plan alone takes minutes, and nothing is learnt.
MOST_REPEATS = 1000


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``repeat``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The same command goes on where it was stopped: complete runs stay, a "
        "half one is started over. Exit code: 0 if all runs are complete, 1 if one "
        "failed, 2 if the plan cannot be made or gone on with, 130 or 143 if it was "
        "stopped.",
    )
    parser.add_argument(
        "configs",
        nargs="+",
        metavar="CONFIG",
        help="config files, or names of shipped configs; the first is the baseline",
    )
    plan = parser.add_argument_group(
        "the plan", "fixed before the first run; later calls may leave these out"
    )
    plan.add_argument("--folds", type=int, help="number of folds (default: 5)")
    plan.add_argument(
        "--repeats",
        type=int,
        help="how often, each with a new split and new seeds; more can be asked for "
        "later (default: 3)",
    )
    plan.add_argument(
        "--holdout",
        nargs="?",
        const=True,
        metavar="FOLDER",
        help="no folds: train on all but the config's test part, and score that; or "
        "score the images of FOLDER, laid out as the config's data are",
    )
    plan.add_argument(
        "--with-test",
        action="store_true",
        default=None,
        help="deal the images of the test part out to folds as well",
    )
    groups = plan.add_mutually_exclusive_group()
    groups.add_argument(
        "--group",
        "--group-column",
        dest="group",
        metavar="COLUMN",
        help="column of the CSV file with what belongs together, such as the patient; "
        "no fold divides it",
    )
    groups.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="what finds that in the name of each file below the data's folder, such "
        r"as 'P\d+'; of one with (...), what is in there",
    )
    plan.add_argument(
        "--margin",
        type=float,
        metavar="POINTS",
        help="difference that is too small to matter (default: 1)",
    )
    plan.add_argument(
        "--epoch",
        choices=["last", "best"],
        help="which epoch is scored: the last, or the best on a fifth of the training "
        "part that is taken out for it (default: last)",
    )
    plan.add_argument("--seed", type=int, help="what all seeds are drawn from (0)")
    plan.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of the experiment (default: work_dirs/repeat_CONFIG)",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="settings over those of every config, such as dataset.data_root=my/folder",
    )
    parser.add_argument(
        "--amp", action="store_true", help="forward pass in bfloat16, on a CPU too"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="how many runs at once, which share the cores (default: %(default)s)",
    )
    parser.add_argument(
        "--score-every-epoch",
        action="store_true",
        help="write down each epoch's score on the scored images. Nothing goes by it; "
        "it shows what choosing the epoch by it would have added",
    )
    parser.add_argument(
        "--drop-weights",
        action="store_true",
        help="delete the checkpoint of each run once its predictions are written",
    )
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument(
        "--run",
        type=int,
        metavar="INDEX",
        help="do one run only, in this process: its place in the plan, from 0",
    )
    elsewhere.add_argument(
        "--slurm",
        type=Path,
        metavar="FILE",
        help="do none: write a script for sbatch, with a job for each run",
    )
    elsewhere.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="do them on a Ray cluster; without ADDRESS, on a local one",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    for option, value, low in (
        ("--folds", args.folds, 2),
        ("--repeats", args.repeats, 1),
        ("--jobs", args.jobs, 1),
    ):
        if value is not None and value < low:
            parser.error(f"{option} is {value}, expected {low} or more")
    if args.repeats is not None and args.repeats > MOST_REPEATS:
        parser.error(f"--repeats is {args.repeats}, expected {MOST_REPEATS} or fewer")
    if args.margin is not None and not 0 < args.margin < 100:
        parser.error(
            f"--margin is {args.margin:g}, expected points, above 0 and below 100"
        )
    if args.holdout and (args.folds or args.with_test):
        parser.error("--holdout has no folds: leave out --folds and --with-test")


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Repeat what ``argv`` (default: the command line) says."""
    args = parse_args(argv)
    if args.out:
        check_can_write(args.out / "plan.json", "--out")
    if args.slurm:
        check_can_write(args.slurm, "--slurm")
    # As Ctrl-C does: what was started is ended first.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(exit_codes.TERMINATED))
    try:
        _repeat(args)
    finally:
        signal.signal(signal.SIGTERM, before)


def _repeat(args: argparse.Namespace) -> None:
    from mmleaves.experiments.jobs import share_cores

    if args.run is None:
        # Before torch is there, which reads it once.
        share_cores(args.jobs)

    from mmleaves.experiments.outcome import say_outcome, say_plan
    from mmleaves.experiments.planning import Wishes, ensure_plan
    from mmleaves.experiments.recipes import load_recipes
    from mmleaves.experiments.runs import pick_run, planned_runs
    from mmleaves.experiments.slurm import same_arguments, write_script

    recipes = load_recipes(
        args.configs,
        args.cfg_options,
        amp=args.amp,
        holdout=None if args.holdout is True else args.holdout,
    )
    experiment = args.out or Path("work_dirs", f"repeat_{recipes[0].name}")
    wishes = Wishes(
        holdout=None if args.holdout is None else True,
        folds=args.folds,
        repeats=args.repeats,
        with_test=args.with_test,
        group_column=args.group,
        group_pattern=args.group_pattern,
        margin=args.margin,
        epoch_rule=args.epoch,
        base_seed=args.seed,
        runs_here=not args.slurm and args.ray in (None, "local"),
    )
    plan, notes = ensure_plan(experiment, recipes, wishes, check_data=args.run is None)
    runs = planned_runs(
        plan,
        experiment,
        configs=[recipe.name for recipe in recipes],
        score_every_epoch=args.score_every_epoch,
        keep_weights=not args.drop_weights,
    )
    if args.run is not None:
        _do_one(pick_run(runs, args.run))
        return
    for line in (say_plan(plan, experiment), *notes):
        print(line, flush=True)
    if args.slurm:
        # A script of before is written anew; a plan or a config is not.
        if args.slurm.suffix in (".json", ".csv", ".py"):
            raise ValueError(
                f"--slurm {args.slurm}: found the name of another kind of file, "
                "expected a script such as jobs.sh. Name another."
            )
        todo = [index for index, run in enumerate(runs) if not run.is_complete]
        write_script(args.slurm, experiment, same_arguments(args, experiment), todo)
        print(f"{len(todo)} runs to do: sbatch {args.slurm}")
        print(f"When they are done: mmleaves compare {shlex.quote(str(experiment))}")
        return
    failed = _do_all(runs, args)
    print()
    for line in say_outcome(plan, experiment, runs):
        print(line)
    if failed:
        print(
            f"\n{len(failed)} of {len(runs)} runs failed or were not started: "
            f"{'; '.join(run.name for run in failed[:5])}"
            f"{' …' if len(failed) > 5 else ''}. The same command tries them again.",
            file=sys.stderr,
        )
        sys.exit(exit_codes.FAULT)


def _do_one(run: "Run") -> None:
    from mmleaves.experiments.do_run import do_run
    from mmleaves.experiments.runs import LOCK
    from mmleaves.locks import holder

    if not do_run(run):
        number = holder(run.folder / LOCK)
        raise ValueError(
            f"{run.folder}: found that process {number} is doing this run, expected it "
            "free. Wait for it, or end that process first."
        )
    print(f"{run.name}: done, in {run.folder}")


def _do_all(runs: list["Run"], args: argparse.Namespace) -> list["Run"]:
    from mmleaves.experiments.show_progress import ShowProgress

    todo = [run for run in runs if not run.is_complete]
    if done := len(runs) - len(todo):
        print(f"{done} of {len(runs)} runs are complete already.", flush=True)
    with ShowProgress(runs, args.jobs) as progress:
        if args.ray:
            from mmleaves.experiments.ray_jobs import run_on_ray

            return run_on_ray(todo, address=args.ray, jobs=args.jobs, watcher=progress)
        from mmleaves.experiments.jobs import run_jobs

        return run_jobs(todo, jobs=args.jobs, watcher=progress)
