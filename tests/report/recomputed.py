"""Every number of a page once more, from the parquet files and other libraries."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
from pyarrow.parquet import read_table
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import t
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from mmleaves.evidence.compare import compare_all
from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.report.reliability import reliability
from mmleaves.report.roc import roc


class Recomputed:
    """Numbers by the keys that a page has for them, of an experiment of two configs.

    Calibration and ROC curves are those of a cross-validation of two classes alone.

    Args:
        folder: The experiment.
        shown: Images of each kind that the page shows.
    """

    def __init__(self, folder, *, shown):
        self.plan = json.loads(Path(folder, "plan.json").read_text())
        self.recipes = list(self.plan["configs"])
        self.classes = self.plan["classes"]
        self.holdout = self.plan["kind"] == "holdout"
        self.hashes = sorted(self.plan["assignments"][0]["fold_of"])
        self.repeats, self.folds = self.plan["repeats"], self.plan["folds"]
        self.every_run = list(itertools.product(range(self.repeats), range(self.folds)))
        n, size = len(self.hashes), len(self.classes)
        self.probs = {r: np.zeros((self.repeats, n, size)) for r in self.recipes}
        self.fold_of = np.zeros((self.repeats, n), int)
        self.labels = np.zeros(n, int)
        self.trained, self.tested, self.minutes = [], [], 0.0
        for recipe in self.recipes:
            for repeat, fold in self.every_run:
                where = Path(folder, recipe, f"repeat{repeat}-fold{fold}")
                self._read(where, recipe, repeat, fold)
        self.numbers = {}
        self._design()
        for recipe in self.recipes:
            self._recipe(recipe)
        self._differences()
        self._images(shown)

    def _read(self, where, recipe, repeat, fold):
        table = read_table(where / "predictions.parquet", partitioning=None)
        places = [self.hashes.index(h) for h in table["hash"].to_pylist()]
        self.fold_of[repeat, places] = fold
        truth = table["truth"].to_pylist()
        self.labels[places] = [self.classes.index(name) for name in truth]
        for i, name in enumerate(self.classes):
            self.probs[recipe][repeat, places, i] = table[f"prob:{name}"].to_numpy()
        seen = read_table(where / "images.parquet", partitioning=None)
        self.trained.append(seen["use"].to_pylist().count("train"))
        self.tested.append(len(places))
        self.minutes += json.loads((where / "run.json").read_text())["minutes"]

    def _design(self):
        runs = self.repeats * self.folds
        self.numbers |= {
            "data/images": len(self.hashes),
            "data/classes": len(self.classes),
            "design/repeats": self.repeats,
            "design/recipes": len(self.recipes),
            "design/total_runs": runs * len(self.recipes),
            "design/minutes": self.minutes,
            # Mean sizes: of the images that a run scores, and those it is trained on.
            "design/widening": (
                1 + len(self.hashes) / self.folds / round(np.mean(self.trained))
            )
            ** 0.5,
            "margin": self.plan["margin_points"],
            "curves/train/loss": runs * len(self.recipes),
            "curves/train/accuracy": runs * len(self.recipes),
        }
        if not self.holdout:
            self.numbers |= {"design/folds": self.folds, "design/runs": runs}
        for what, values in (("test", self.tested), ("train", self.trained)):
            self.numbers[f"design/{what}_images/least"] = min(values)
            # Of two ends that are the same a page shows one.
            if max(values) > min(values):
                self.numbers[f"design/{what}_images/most"] = max(values)
        for label, name in enumerate(self.classes):
            self.numbers[f"data/class/{name}"] = int((self.labels == label).sum())

    def _recipe(self, recipe):
        probs, numbers = self.probs[recipe], self.numbers
        said = probs.argmax(axis=2)
        truth = np.tile(self.labels, self.repeats)
        right = said == self.labels
        n = len(self.labels)
        accuracy = right.mean()
        low, high = proportion_confint(accuracy * n, n, method="wilson")
        pairs = [
            np.mean(right[i] != right[j]) for i in range(self.repeats) for j in range(i)
        ]
        scores = {
            "accuracy": accuracy,
            "accuracy/low": low,
            "accuracy/high": high,
            "balanced_accuracy": balanced_accuracy_score(truth, said.ravel()),
            "macro_f1": f1_score(truth, said.ravel(), average="macro"),
            "repeat_sd": np.std(right.mean(axis=1), ddof=1),
            "flips": np.mean(pairs),
        }
        if not self.holdout:
            folds = [
                np.std([row[at == fold].mean() for fold in range(self.folds)], ddof=1)
                for row, at in zip(right, self.fold_of, strict=True)
            ]
            scores["fold_sd"] = np.sqrt(np.mean(np.square(folds)))
        if len(self.classes) == 2:
            sensitivity, specificity = self._at_thresholds(probs[..., 1])
            scores |= {
                "auroc": self._auroc(probs[..., 1]),
                "sensitivity": sensitivity,
                "specificity": specificity,
            }
        numbers |= {f"recipe/{recipe}/{k}": 100 * v for k, v in scores.items()}
        counts = confusion_matrix(truth, said.ravel()) / self.repeats
        recalls = recall_score(truth, said.ravel(), average=None)
        precisions = precision_score(truth, said.ravel(), average=None)
        for i, name in enumerate(self.classes):
            images = int((self.labels == i).sum())
            ends = proportion_confint(recalls[i] * images, images, method="wilson")
            key = f"class/{recipe}/{name}"
            numbers |= {
                f"{key}/recall": 100 * recalls[i],
                f"{key}/low": 100 * ends[0],
                f"{key}/high": 100 * ends[1],
                f"{key}/precision": 100 * precisions[i],
                f"{key}/said": counts[:, i].sum(),
            }
            for j, other in enumerate(self.classes):
                numbers[f"confusion/{recipe}/{name}/{other}"] = counts[i, j]
        if len(self.classes) == 2 and not self.holdout:
            self._calibration(recipe)
        often = right.sum(axis=0)
        numbers |= {
            f"stability/{recipe}/right": int((often == self.repeats).sum()),
            f"stability/{recipe}/wrong": int((often == 0).sum()),
            f"stability/{recipe}/flips": int(
                ((often > 0) & (often < self.repeats)).sum()
            ),
        }

    def _auroc(self, scores):
        """Pairs within a run that are in order, one by one."""
        good = total = 0.0
        for repeat in range(self.repeats):
            for fold in range(self.folds):
                here = self.fold_of[repeat] == fold
                for a in scores[repeat, here & (self.labels == 1)]:
                    for b in scores[repeat, here & (self.labels == 0)]:
                        good += (a > b) + (a == b) / 2
                        total += 1
        return good / total

    def _at_thresholds(self, scores):
        """Sensitivity and specificity at the even threshold of the other folds.

        On a hold-out at 0.5.
        """
        called = scores >= 0.5
        for repeat in range(0 if self.holdout else self.repeats):
            for fold in range(self.folds):
                here = self.fold_of[repeat] == fold
                rest, kind = scores[repeat, ~here], self.labels[~here] == 1
                even = [
                    (min((rest[kind] >= t).mean(), (rest[~kind] < t).mean()), -t)
                    for t in rest
                ]
                called[repeat, here] = scores[repeat, here] >= -max(even)[1]
        kind = self.labels == 1
        return called[:, kind].mean(), 1 - called[:, ~kind].mean()

    def _calibration(self, recipe):
        probs, key = self.probs[recipe], f"calibration/{recipe}"
        scaled, temperatures = np.zeros(probs.shape), []
        for repeat in range(self.repeats):
            for fold in range(self.folds):
                here = self.fold_of[repeat] == fold
                logs = np.log(probs[repeat])

                def loss(t, logs=logs, here=here):
                    probs = softmax(logs[~here] / np.exp(t[0]), axis=1)
                    rows = np.arange(len(probs))
                    return -np.log(probs[rows, self.labels[~here]]).mean()

                found = minimize(loss, [0.0], method="Nelder-Mead", tol=1e-10)
                temperatures.append(float(np.exp(found.x[0])))
                scaled[repeat, here] = softmax(logs[here] / temperatures[-1], axis=1)
        design = Design(self.labels, tuple(self.classes), self.repeats, self.fold_of)
        outcomes = Outcomes(probs.argmax(axis=2) == self.labels, None, probs)
        # Draws: the same, by the same seed.
        drawn = reliability(outcomes, design)
        curve = roc(outcomes, design, 1)
        truth = np.tile(self.labels, self.repeats)
        size, rows = len(self.classes), np.arange(len(truth))
        self.numbers |= {
            f"{key}/ece": self._ece(probs),
            f"{key}/ece_scaled": self._ece(scaled),
            f"{key}/nll": -np.log(probs.reshape(-1, size)[rows, truth]).mean(),
            f"{key}/nll_scaled": log_loss(truth, scaled.reshape(-1, size)),
            f"{key}/temperature/low": min(temperatures),
            f"{key}/temperature/high": max(temperatures),
            f"{key}/chance": drawn.chance_ece,
            f"{key}/chance_high": drawn.chance_high,
            f"roc/{recipe}/{self.classes[1]}/auroc": 100 * self._auroc(probs[..., 1]),
            f"roc/{recipe}/{self.classes[1]}/low": curve.auroc_low,
            f"roc/{recipe}/{self.classes[1]}/high": curve.auroc_high,
        }

    def _ece(self, probs):
        sure = probs.max(axis=2).ravel()
        right = (probs.argmax(axis=2) == self.labels).ravel()
        total = 0.0
        for low in np.arange(10) / 10:
            here = (sure >= low) & ((sure < low + 0.1) | (low == 0.9))
            here &= np.floor(sure * 10).clip(max=9) == round(low * 10)
            if here.any():
                total += here.sum() * abs(right[here].mean() - sure[here].mean())
        return 100 * total / len(sure)

    def _differences(self):
        report = compare_all(
            self.labels,
            self.probs,
            folds=None if self.holdout else self.fold_of,
            train_images=round(np.mean(self.trained)),
            margin=self.plan["margin_points"],
            classes=self.classes,
            positive=self.plan["positive"],
            planned_repeats=self.repeats,
            minutes_per_run=self.minutes / len(self.trained),
        )
        self.sentences = [one.sentence for one in report.comparisons]
        (found,) = (one.measured for one in report.comparisons)
        key = f"difference/{found.a}/{found.b}"
        self._accuracy_gap(key, found.a, found.b)
        self._class_gaps(key, found.a, found.b)
        for row in found.others:
            # The jackknife is `compare_all`'s own, which tests/evidence look into.
            points = [self.numbers[f"recipe/{r}/{row.metric}"] for r in self.recipes]
            self.numbers |= {
                f"{key}/{row.metric}/points": points[0] - points[1],
                f"{key}/{row.metric}/low": row.low,
                f"{key}/{row.metric}/high": row.high,
                f"{key}/{row.metric}/p": row.p,
            }

    def _accuracy_gap(self, key, a, b):
        """The two-way error and its t test, written out as docs/comparing.md has it."""
        said = [self.probs[recipe].argmax(axis=2) for recipe in (a, b)]
        right = [one == self.labels for one in said]
        gap = right[0].astype(float) - right[1]
        rest, (repeats, n) = gap - gap.mean(), gap.shape
        runs = [(r, self.fold_of[r] == f) for r, f in self.every_run]
        sums = rest.sum(axis=0), np.array([rest[r, here].sum() for r, here in runs])
        by_image, by_run, by_cell = (
            np.sum(s**2) * s.size / (s.size - 1) / gap.size**2 for s in (*sums, rest)
        )
        by_run = max(0.0, by_run - by_cell)
        df = len(runs) - 1
        if self.holdout:
            parts = by_image**2 / (n - 1) + by_run**2 / (repeats - 1)
            df = (by_image + by_run) ** 2 / parts
        self.df, self.ratio = df, n / self.folds / round(np.mean(self.trained))
        se = np.sqrt((by_image + by_run) * (1 + self.ratio))
        points, half = gap.mean(), t.ppf(0.975, df) * se
        p = 2 * t.sf(abs(points) / se, df)
        scores = [np.array([o[r, here].mean() for r, here in runs]) for o in right]
        pairs = scores[0] - (scores[1][:, None] if self.holdout else scores[1])
        pairs = np.where(np.isclose(pairs, 0, atol=1e-12), 0, pairs)
        # The corrected resampled t test over the runs.
        runs_gap = scores[0] - scores[1]
        error = np.sqrt(runs_gap.var(ddof=1) * (1 / len(runs) + self.ratio))
        self.numbers |= {
            f"{key}/points": 100 * points,
            f"{key}/low": 100 * (points - half),
            f"{key}/high": 100 * (points + half),
            f"{key}/p": p,
            f"{key}/p_holm": p,  # a single comparison
            f"{key}/p_strict": 2 * t.sf(abs(runs_gap.mean()) / error, len(runs) - 1),
            f"{key}/wins": 100 * np.mean((np.sign(pairs) + 1) / 2),
            f"{key}/churn": 100 * np.mean(said[0] != said[1]),
        }
        if not self.holdout:
            self.numbers["design/df"] = df

    def _class_gaps(self, key, a, b):
        """A t test over the images of each class, and two images more."""
        right = [self.probs[r].argmax(axis=2) == self.labels for r in (a, b)]
        gap = (right[0].astype(float) - right[1]).mean(axis=0)
        p_values = []
        for label, name in enumerate(self.classes):
            here = gap[self.labels == label]
            n = len(here)
            variance = here.var(ddof=1) / n + 2 / (n + 2) ** 2
            se = np.sqrt(variance * (1 + self.ratio))
            half = t.ppf(0.975, n - 1) * se
            p_values.append(2 * t.sf(abs(here.mean()) / se, n - 1))
            self.numbers |= {
                f"{key}/class/{name}/points": 100 * here.mean(),
                f"{key}/class/{name}/low": 100 * max(here.mean() - half, -1),
                f"{key}/class/{name}/high": 100 * min(here.mean() + half, 1),
            }
        adjusted = multipletests(p_values, method="holm")[1]
        for name, p in zip(self.classes, adjusted, strict=True):
            self.numbers[f"{key}/class/{name}/p"] = p

    def _images(self, shown):
        right = np.stack([p.argmax(axis=2) == self.labels for p in self.probs.values()])
        said = np.stack([p.argmax(axis=2) for p in self.probs.values()])
        often = right.sum(axis=1)
        left = np.stack(
            [
                p[:, np.arange(len(self.labels)), self.labels]
                for p in self.probs.values()
            ]
        ).mean(axis=(0, 1))
        wrong = [i for i in np.argsort(left) if not right[:, :, i].any()]
        uneven = np.minimum(often, self.repeats - often).sum(axis=0)
        flip = [i for i in np.argsort(-uneven, kind="stable") if uneven[i]]
        for kind, images in (("wrong", wrong), ("flip", flip)):
            self.numbers[f"images/{kind}"] = len(images)
            if shown < len(images):
                self.numbers[f"shown/{kind}"] = shown
            for i in images[:shown]:
                calls = Counter(said[:, :, i].ravel().tolist())
                for label, count in calls.items():
                    self.numbers[f"image/{i}/said/{self.classes[label]}"] = count
                if kind == "flip":
                    for recipe, count in zip(self.recipes, often[:, i], strict=True):
                        self.numbers[f"image/{i}/right/{recipe}"] = int(count)
