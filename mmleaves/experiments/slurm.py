"""The runs of an experiment as an array of SLURM jobs."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from mmleaves.whole_files import write_whole


def write_script(
    path: Path, experiment: Path, arguments: Sequence[str], indices: Sequence[int]
) -> None:
    """Write a script for ``sbatch`` that does each run in a job of its own.

    Args:
        path: The script.
        experiment: Folder of the experiment; the jobs' outputs go to ``slurm/`` in it.
        arguments: What ``mmleaves repeat`` was called with, but for what says where
            the runs are done.
        indices: Places of the runs that are still to do, from 0, in rising order.

    Raises:
        ValueError: If there is nothing left to do.
    """
    if not indices:
        raise ValueError(
            f"{experiment}: found all runs complete, so there is nothing for SLURM to "
            "do. Ask for more repeats by --repeats."
        )
    outputs = experiment.absolute() / "slurm"
    outputs.mkdir(parents=True, exist_ok=True)
    # SLURM expands % itself.
    output = str(outputs).replace("%", "%%")
    command = shlex.join([sys.executable, "-m", "mmleaves.cli", "repeat", *arguments])
    lines = [
        "#!/bin/bash",
        "#SBATCH --job-name=mmleaves-repeat",
        f"#SBATCH --array={ranges(indices)}",
        f'#SBATCH --output="{output}/%a.txt"',
        "#SBATCH --cpus-per-task=4",
        "# Add what your cluster asks for, such as:",
        "# #SBATCH --gpus=1",
        "# #SBATCH --time=01:00:00",
        "# #SBATCH --partition=...",
        "# To limit how many run at once, write the array as --array=0-29%8.",
        f"cd {shlex.quote(str(Path.cwd()))} || exit 2",
        f"export PYTHONPATH={shlex.quote(os.environ['PYTHONPATH'])}"
        if os.environ.get("PYTHONPATH")
        else "",
        'export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"',
        f'exec {command} --run "$SLURM_ARRAY_TASK_ID"',
    ]
    text = "\n".join(line for line in lines if line) + "\n"
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))


def ranges(indices: Sequence[int]) -> str:
    """Return numbers in rising order as SLURM writes them: ``0-4,7,9-10``."""
    found: list[list[int]] = []
    for index in indices:
        if found and found[-1][1] == index - 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def same_arguments(args: argparse.Namespace, experiment: Path) -> list[str]:
    """Return by which arguments of ``mmleaves repeat`` a job goes on with a plan.

    Args:
        args: What the command that made the plan was called with.
        experiment: Folder of the experiment.
    """
    given = [*args.configs, "--out", str(experiment)]
    for option in ("amp", "score_every_epoch", "drop_weights"):
        if getattr(args, option):
            given.append(f"--{option.replace('_', '-')}")
    if isinstance(args.holdout, str):
        given += ["--holdout", args.holdout]
    if args.cfg_options:
        given += ["--cfg-options", *args.cfg_options]
    return given
