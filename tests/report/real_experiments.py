"""Experiments on real images: heads of scikit-learn on their pixels."""

import csv
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from mmleaves.evidence.plan import Plan, PlannedRepeat, content_hash, write_plan
from mmleaves.evidence.predictions import Predictions
from mmleaves.evidence.run_files import RunRecord, write_run

EPOCHS = 8


def pixels(paths, side_px):
    """Return grey pixels, (n, side_px ** 2), 0 to 1."""
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    sides = (side_px, side_px)
    small = [cv2.resize(img, sides, interpolation=cv2.INTER_AREA) for img in images]
    return np.stack(small).reshape(len(paths), -1) / 255


def trained(seed, step, share, train, labels, test):
    """Train a linear head on a share of the pixels, which the seed draws.

    Returns:
        Probabilities of the test images, (m, C), and a row of metrics an epoch.
    """
    rng = np.random.default_rng(seed)
    keep = rng.permutation(train.shape[1])[: int(share * train.shape[1])]
    scaler = StandardScaler().fit(train[:, keep])
    train, test = scaler.transform(train[:, keep]), scaler.transform(test[:, keep])
    model = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=step, random_state=seed
    )
    rows = []
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(train, labels, np.unique(labels))
        probs = np.clip(model.predict_proba(train), 1e-9, 1)
        loss = -np.log(probs[np.arange(len(labels)), labels]).mean()
        score = 100 * (probs.argmax(axis=1) == labels).mean()
        rows.append([epoch, step, loss, score])
    return model.predict_proba(test), rows


# Name: side of the images, step, share of the pixels that are seen.
RECIPES = {
    "coarse": (6, 0.002, 0.75),
    "fine": (16, 0.0005, 0.75),
    "hasty": (16, 0.02, 0.5),
    "tiny": (2, 0.01, 1.0),
}


def write_experiment(
    folder,
    paths,
    truth,
    classes,
    *,
    recipes=("coarse", "fine"),
    folds=5,
    repeats=3,
    holdout=None,
):
    """Write an experiment and return its plan.

    Args:
        paths: The images that are trained on and, without a hold-out, scored.
        truth: Their class names.
        classes: Class names in label order.
        holdout: Paths and class names of held-out images, or None.
    """
    hashes = [content_hash(path) for path in paths]
    unique = {h: i for i, h in enumerate(hashes)}
    keep = sorted(unique.values())
    paths, truth = [paths[i] for i in keep], [truth[i] for i in keep]
    hashes = [hashes[i] for i in keep]
    labels = np.array([classes.index(name) for name in truth])
    splits = []
    for repeat in range(repeats):
        if holdout is None:
            made = StratifiedKFold(folds, shuffle=True, random_state=repeat)
            splits.append(list(made.split(labels, labels)))
    scored_paths, scored_truth = (paths, truth) if holdout is None else holdout
    scored = [content_hash(path) for path in scored_paths]
    plan = Plan(
        kind="cv" if holdout is None else "holdout",
        configs={name: f"{i:02x}" * 32 for i, name in enumerate(recipes)},
        data_sha256="da" * 32,
        classes=tuple(classes),
        folds=folds if holdout is None else 1,
        repeats=tuple(
            PlannedRepeat(
                split_seed=repeat,
                seeds=tuple(
                    100 * repeat + fold for fold in range(1 if holdout else folds)
                ),
                fold_of={
                    scored[i]: fold
                    for fold, (_, test) in enumerate(splits[repeat])
                    for i in test
                }
                if holdout is None
                else dict.fromkeys(scored, 0),
            )
            for repeat in range(repeats)
        ),
        base_seed=0,
        margin=2.0,
        positive=classes[1] if len(classes) == 2 else None,
    )
    write_plan(plan, folder)
    for name in recipes:
        side, *options = RECIPES[name]
        seen, unseen = pixels(paths, side), pixels(scored_paths, side)
        for repeat in range(repeats):
            for fold in range(plan.folds):
                train, test = np.arange(len(paths)), np.arange(len(scored))
                if holdout is None:
                    train, test = splits[repeat][fold]
                seed = plan.repeats[repeat].seeds[fold]
                data = seen[train], labels[train], unseen[test]
                probs, rows = trained(seed, *options, *data)
                predictions = Predictions(
                    images=[str(scored_paths[i]) for i in test],
                    paths=[str(scored_paths[i]) for i in test],
                    classes=classes,
                    probs=probs.astype(np.float32),
                    truth=[scored_truth[i] for i in test],
                )
                record = RunRecord(
                    config=name,
                    repeat=repeat,
                    fold=fold,
                    seed=seed,
                    split_seed=plan.repeats[repeat].split_seed,
                    config_sha256=plan.configs[name],
                    data_sha256=plan.data_sha256,
                    epoch_rule="last",
                    minutes=0.25,
                    versions={"python": "3.11.7", "scikit-learn": "1.9.1"},
                )
                where = write_run(
                    folder,
                    record,
                    predictions,
                    [scored[i] for i in test],
                    trained=[hashes[i] for i in train],
                )
                write_metrics(where / "metrics.csv", rows)
    return plan


def write_metrics(path, rows):
    """Write a row an epoch, as a training leaves them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "lr", "train/loss", "train/accuracy"])
        writer.writerows(rows)


def busi(data: Path, *, part="train", most=None):
    """Return paths and class names of the ultrasound images."""
    paths = sorted(data.glob(f"busi/{part}/*/*.png"))
    if most is not None:
        paths = paths[:: max(1, len(paths) // most)][:most]
    return paths, [path.parent.name for path in paths]


def leaves(data: Path, *, most):
    """Return paths and class names of leaves, of classes with eight or more."""
    with (data / "leaves" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["image"], row["label"]) for row in csv.DictReader(file)]
    rows.sort(key=lambda row: row[1])
    names = [label for _, label in rows[: most + 1]]
    # The last class may be cut off.
    rows = [
        row for row in rows[:most] if row[1] != names[-1] or names.count(row[1]) > 7
    ]
    return [data / "leaves" / name for name, _ in rows], [label for _, label in rows]
