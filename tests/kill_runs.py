"""Kill trainings at random instants, and see that each ends as if nobody had.

python tests/kill_runs.py --kills 200
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from forked_runs import (
    kill_after,
    outcome,
    run,
    said,
    train_again,
    wait,
    write_run,
)

# Kills of one run; then it may end.
KILLS_OF_A_RUN = 4
# Settings of the runs, in turn.
VARIANTS = [
    [],
    ["train_dataloader.num_workers=2", "train_dataloader.persistent_workers=True"],
    ["train_dataloader.num_workers=2", "train_dataloader.persistent_workers=False"],
    ["precision=bfloat16"],
    ["default_hooks.checkpoint.interval=3", "train_cfg.val_interval=2"],
]


def kill_runs(folder, kills, seed, variants=VARIANTS):
    """Kill at ``kills`` instants; return how often what was the case, and what failed.

    Args:
        folder: Where the runs go.
        kills: Processes to kill with SIGKILL.
        seed: Of the instants, uniform over the time that a whole run takes.
        variants: Settings over the config, taken in turn.
    """
    config = write_run(folder)
    draw = random.Random(seed)
    counted, failures, expected = Counter(), [], {}
    number = 0
    while counted["kills"] < kills:
        variant = number % len(variants)
        settings = ["--cfg-options", *variants[variant]] if variants[variant] else []
        if variant not in expected:
            whole, log = folder / f"whole_{variant}", folder / f"whole_{variant}.log"
            begun = time.monotonic()
            assert run("train", config, "--work-dir", whole, *settings, log=log) == 0
            expected[variant] = outcome(whole), time.monotonic() - begun
        work, log = folder / f"run_{number}", folder / f"run_{number}.log"
        killed = 0
        while True:
            process = train_again(config, work, *settings, log=log)
            may_end = killed == KILLS_OF_A_RUN or counted["kills"] == kills
            seconds = draw.uniform(0, expected[variant][1])
            code = wait(process) if may_end else kill_after(process, seconds)
            if code != -signal.SIGKILL:
                break
            counted["kills"] += 1
            killed += 1
            counted["left something unfinished"] += any(work.glob("*.unfinished"))
        counted["runs"] += 1
        counted["runs that were killed"] += killed > 0
        if code or not done(work):
            counted["unrecoverable"] += 1
            failures.append(f"{work} ended with {code}:\n{said(log)[-2000:]}")
        elif outcome(work) != expected[variant][0]:
            counted["different"] += 1
            failures.append(f"{work}: {outcome(work)}\nnot {expected[variant][0]}")
        else:
            shutil.rmtree(work)
        number += 1
    return counted, failures


def done(work):
    return (work / "epoch_4.pth").is_file() and (work / "curves.png").is_file()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-runs-"))
    counted, failures = kill_runs(folder, args.kills, args.seed)
    for what in (
        "kills",
        "runs",
        "runs that were killed",
        "left something unfinished",
        "unrecoverable",
        "different",
    ):
        print(f"{what}: {counted[what]}")
    if failures:
        print(*failures, f"What is left of them: {folder}", sep="\n\n")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
