"""How often the rule names a false winner by scores other than accuracy.

python benchmarks/other_scores.py [--experiments 500]

Two of the eight simulated classes are to be found among the rest: a quarter of the
images. Where two recipes differ, the mean of all experiments stands for the true gap.
"""

import argparse

import numpy as np

from mmleaves.calibration.mixture import draw_images
from mmleaves.calibration.scenarios import OTHER_BACKBONE, SCRATCH, TUNED
from mmleaves.calibration.tables import share
from mmleaves.evidence.comparison import estimate_difference
from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import outcomes
from mmleaves.evidence.score_sums import SCORES

IMAGES, FOLDS, REPEATS = 428, 5, 3
PAIRS = {
    "A/A tuned": (TUNED, TUNED),
    "A/A scratch": (SCRATCH, SCRATCH),
    "two backbones": (TUNED, OTHER_BACKBONE),
}


def probabilities(recipe, images, positive, folds, seeds):
    """Return the probability of being positive of each image in each repeat, (R, n)."""
    found = np.empty(folds.shape)
    targets = np.where(positive, 1.0, -1.0).astype(np.float32)
    for repeat, row in enumerate(folds):
        for fold in range(FOLDS):
            features = recipe.extract(
                images, np.random.default_rng([*seeds, repeat, fold])
            )
            inputs = np.c_[features, np.ones(len(features), np.float32)]
            train = row != fold
            squares = inputs[train].T @ inputs[train]
            squares += (
                recipe.ridge * np.trace(squares) / len(squares) * np.eye(len(squares))
            )
            head = np.linalg.solve(squares, inputs[train].T @ targets[train])
            found[repeat, ~train] = 1 / (1 + np.exp(-3 * (inputs[~train] @ head)))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    count = parser.parse_args().experiments
    print(f"{count} experiments a column; percent; in brackets: interval holds the gap")
    columns = {}
    for name, recipes in PAIRS.items():
        found = {score: [] for score in SCORES}
        for number in range(count):
            rng = np.random.default_rng([60, number])
            images, labels = draw_images(IMAGES, rng)
            positive = labels < 2
            row = np.arange(IMAGES) // 8 % FOLDS
            folds = np.stack([row] * REPEATS)
            for one in folds:
                for label in range(8):
                    here = labels == label
                    one[here] = rng.permutation(one[here])
            design = Design(positive.astype(int), ("rest", "found"), REPEATS, folds)
            said = []
            for slot, recipe in enumerate(recipes):
                p = probabilities(recipe, images, positive, folds, [60, number, slot])
                said.append(outcomes(np.stack([1 - p, p], axis=-1), design, name))
            for score in SCORES:
                estimate, _ = estimate_difference(score, *said, design, 1)
                found[score].append(
                    (estimate.value, estimate.p, *estimate.interval(0.95))
                )
        columns[name] = {score: np.array(rows) for score, rows in found.items()}
    print(f"| score | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for score, title in SCORES.items():
        cells = []
        for name, rows in columns.items():
            value, p, low, high = rows[score].T
            gap = 0 if name.startswith("A/A") else value.mean()
            cover = np.mean((low <= gap) & (gap <= high))
            wins = share(np.mean(p <= 0.05), count)
            gap = "" if name.startswith("A/A") else f", gap {100 * gap:.1f}"
            cells.append(f"{wins} ({100 * cover:.1f}{gap})")
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
