"""How many comparisons a minute one core does, and how long one command takes.

python benchmarks/comparing.py [--experiment FOLDER]

A comparison is of two recipes on 461 images in 5 folds x 3 repeats, 15 runs of each,
from probabilities of two classes, with all scores. With the folder of a finished
experiment, whole processes of `mmleaves compare FOLDER` are timed as well, import
included.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np

from mmleaves.evidence.compare import compare

IMAGES, FOLDS, REPEATS = 461, 5, 3


def draw_runs(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return labels, folds, and what two recipes of about 85 % said."""
    labels = rng.integers(2, size=IMAGES)
    folds = rng.permuted(np.tile(np.arange(IMAGES) % FOLDS, (REPEATS, 1)), axis=1)
    hard = rng.normal(size=IMAGES)

    def said() -> np.ndarray:
        logits = (2 * labels - 1) * 1.5 + hard + rng.normal(size=(REPEATS, IMAGES))
        positive = 1 / (1 + np.exp(-logits))
        return np.stack([1 - positive, positive], axis=2)

    return labels, folds, said(), said()


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=500)
    parser.add_argument("--experiment", help="folder of a finished experiment")
    parser.add_argument("--processes", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    drawn = [draw_runs(rng) for _ in range(args.comparisons)]
    begin = time.perf_counter()
    for labels, folds, a, b in drawn:
        compare(labels, a, b, folds=folds)
    seconds = time.perf_counter() - begin
    print(
        f"{args.comparisons} comparisons of {IMAGES} images x {FOLDS * REPEATS} runs "
        f"in {seconds:.1f} s: {60 * args.comparisons / seconds:,.0f} a minute."
    )
    if not args.experiment:
        return
    command = [sys.executable, "-m", "mmleaves.cli", "compare", args.experiment]
    times = []
    for _ in range(args.processes):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    print(
        f"mmleaves compare {args.experiment}: median {statistics.median(times):.2f} s "
        f"of {len(times)} ({min(times):.2f} to {max(times):.2f})."
    )


if __name__ == "__main__":
    main()
