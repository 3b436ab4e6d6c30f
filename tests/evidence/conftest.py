"""A small experiment, written as `mmleaves repeat` writes one."""

from pathlib import Path

import numpy as np
import pytest

from mmleaves.evidence.plan import Plan, PlannedRepeat, write_plan
from mmleaves.evidence.predictions import Predictions
from mmleaves.evidence.run_files import RunRecord, write_run

# In label order, which is not that of the alphabet.
CLASSES = ("[b]malignant[/b]", "良性")


class SmallExperiment:
    """Forty images, two configs; `probe` is right more often than `all`."""

    def __init__(self, folder: Path, *, kind="cv", repeats=2, folds=4, margin=2.0):
        self.folder = folder
        self.hashes = [f"{i:064x}" for i in range(40)]
        self.truth = [CLASSES[i % 2] for i in range(40)]
        rng = np.random.default_rng(0)
        fold_of = np.arange(40) // 2 % folds if kind == "cv" else np.zeros(40, int)
        self.plan = Plan(
            kind=kind,
            configs={"probe": "aa", "all": "bb"},
            data_sha256="dd",
            classes=CLASSES,
            folds=folds if kind == "cv" else 1,
            repeats=tuple(
                PlannedRepeat(
                    split_seed=10 + r,
                    seeds=tuple(
                        20 + 100 * r + f for f in range(folds if kind == "cv" else 1)
                    ),
                    fold_of=dict(
                        zip(self.hashes, rng.permutation(fold_of).tolist(), strict=True)
                    ),
                )
                for r in range(repeats)
            ),
            base_seed=7,
            margin=margin,
            positive=CLASSES[0],
        )
        write_plan(self.plan, folder)

    def write_all(self):
        for config in self.plan.configs:
            for repeat in range(len(self.plan.repeats)):
                for fold in range(self.plan.folds):
                    self.write(config, repeat, fold)
        return self

    def probs(self, config, repeat):
        """Probabilities of all images, (40, 2): wrong in the first 4, or 16."""
        sure = np.random.default_rng([repeat, len(config)]).uniform(0.6, 0.9, 40)
        sure[: {"probe": 4, "all": 16}[config]] -= 0.5
        right = np.array([CLASSES.index(label) for label in self.truth])
        return np.where(
            np.arange(2) == right[:, None], sure[:, None], 1 - sure[:, None]
        )

    def write(self, config, repeat, fold, *, truth=None, trained=None, **changes):
        """Write a run; `changes` are of its record."""
        planned = self.plan.repeats[repeat]
        here = [i for i, h in enumerate(self.hashes) if planned.fold_of[h] == fold]
        rest = [h for h in self.hashes if planned.fold_of[h] != fold] or ["e" * 64] * 9
        names = [f"图像 {i}.png" for i in here]
        record = RunRecord(
            **{
                "config": config,
                "repeat": repeat,
                "fold": fold,
                "seed": planned.seeds[fold],
                "split_seed": planned.split_seed,
                "config_sha256": self.plan.configs[config],
                "data_sha256": "dd",
                "epoch_rule": "last",
                "minutes": 3.0,
                "versions": {"torch": "2.14.1"},
            }
            | changes
        )
        labels = truth or self.truth
        predictions = Predictions(
            images=names,
            paths=names,
            classes=CLASSES,
            probs=self.probs(config, repeat)[here].astype(np.float32),
            truth=[labels[i] for i in here],
        )
        hashes = [self.hashes[i] for i in here]
        selected = changes.pop("selected", ())
        return write_run(
            self.folder,
            record,
            predictions,
            hashes,
            trained=rest if trained is None else trained,
            selected=selected,
        )


@pytest.fixture
def experiment(tmp_path):
    return SmallExperiment(tmp_path / "experiment").write_all()


@pytest.fixture
def make_experiment(tmp_path):
    def make(name="experiment", **options):
        return SmallExperiment(tmp_path / name, **options)

    return make
