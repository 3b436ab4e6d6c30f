"""Every number of a page once more, from the parquet files and other libraries."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from pyarrow.parquet import read_table
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)
from statsmodels.stats.proportion import proportion_confint

from mmleaves.evidence.compare import compare_all
from mmleaves.evidence.design import Design
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.report.reliability import reliability
from mmleaves.report.roc import roc


class Recomputed:
    """Numbers by the keys that a page has for them, of a cross-validation.

    Args:
        folder: The experiment.
        shown: Images of each kind that the page shows.
    """

    def __init__(self, folder, *, shown):
        self.plan = json.loads(Path(folder, "plan.json").read_text())
        self.recipes = list(self.plan["configs"])
        self.classes = self.plan["classes"]
        self.hashes = sorted(self.plan["assignments"][0]["fold_of"])
        self.repeats, self.folds = self.plan["repeats"], self.plan["folds"]
        n, size = len(self.hashes), len(self.classes)
        self.probs = {r: np.zeros((self.repeats, n, size)) for r in self.recipes}
        self.fold_of = np.zeros((self.repeats, n), int)
        self.labels = np.zeros(n, int)
        self.trained, self.tested, self.minutes = [], [], 0.0
        for recipe in self.recipes:
            for repeat in range(self.repeats):
                for fold in range(self.folds):
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
            "design/folds": self.folds,
            "design/repeats": self.repeats,
            "design/runs": runs,
            "design/recipes": len(self.recipes),
            "design/total_runs": runs * len(self.recipes),
            "design/df": runs - 1,
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
        for what, values in (("test", self.tested), ("train", self.trained)):
            self.numbers[f"design/{what}_images/least"] = min(values)
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
        folds = [
            np.std([row[fold_of == fold].mean() for fold in range(self.folds)], ddof=1)
            for row, fold_of in zip(right, self.fold_of, strict=True)
        ]
        pairs = [
            np.mean(right[i] != right[j]) for i in range(self.repeats) for j in range(i)
        ]
        scores = {
            "accuracy": accuracy,
            "accuracy/low": low,
            "accuracy/high": high,
            "balanced_accuracy": balanced_accuracy_score(truth, said.ravel()),
            "macro_f1": f1_score(truth, said.ravel(), average="macro"),
            "auroc": self._auroc(probs[..., 1]),
            "repeat_sd": np.std(right.mean(axis=1), ddof=1),
            "fold_sd": np.sqrt(np.mean(np.square(folds))),
            "flips": np.mean(pairs),
        }
        sensitivity, specificity = self._at_even_thresholds(probs[..., 1])
        scores |= {"sensitivity": sensitivity, "specificity": specificity}
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

    def _at_even_thresholds(self, scores):
        """Sensitivity and specificity at the even threshold of the other folds."""
        called = np.zeros(scores.shape, bool)
        for repeat in range(self.repeats):
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
            folds=self.fold_of,
            train_images=round(np.mean(self.trained)),
            margin=self.plan["margin_points"],
            classes=self.classes,
            positive=self.plan["positive"],
            planned_repeats=self.repeats,
            minutes_per_run=self.minutes / len(self.trained),
        )
        self.sentences = [one.sentence for one in report.comparisons]
        for one in report.comparisons:
            found = one.measured
            key = f"difference/{found.a}/{found.b}"
            self.numbers |= {
                f"{key}/p": found.p,
                f"{key}/p_holm": one.verdict.p_holm,
                f"{key}/p_strict": found.p_strict,
                f"{key}/wins": 100 * found.a_wins,
                f"{key}/churn": 100 * found.churn,
            }
            rows = {key: found}
            rows |= {f"{key}/{other.metric}": other for other in found.others}
            rows |= {f"{key}/class/{row.name}": row for row in found.classes}
            for place, row in rows.items():
                self.numbers |= {
                    f"{place}/points": row.points,
                    f"{place}/low": row.low,
                    f"{place}/high": row.high,
                    f"{place}/p": row.p,
                }

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
            self.numbers[f"shown/{kind}"] = min(shown, len(images))
            for i in images[:shown]:
                calls = Counter(said[:, :, i].ravel().tolist())
                for label, count in calls.items():
                    self.numbers[f"image/{i}/said/{self.classes[label]}"] = count
                if kind == "flip":
                    for recipe, count in zip(self.recipes, often[:, i], strict=True):
                        self.numbers[f"image/{i}/right/{recipe}"] = int(count)
