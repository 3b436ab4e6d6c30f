"""What is wrong with the classes of the parts, and with how many images they have."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc

from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding, counted
from mmleaves.datasets.class_order import some_names

TINY = 5
IMBALANCED, UNEVEN = 10.0, 3.0
# Total variation between the shares of two parts, and the chance that it came about.
SHIFT, SHIFT_P = 0.1, 0.001


def class_findings(parts: Sequence[Part]) -> list[Finding]:
    """Return what is wrong with the classes; the first part is the one trained on."""
    labelled = [part for part in parts if any(part.labels)]
    if not labelled:
        return []
    train, *others = labelled
    findings = []
    for other in others:
        findings += _order(train, other)
        findings += _missing(train, other)
        findings += _shift(train, other)
    return findings + _sizes(train)


def counts(part: Part) -> Counter[str]:
    """Return the number of images of each class, classes without any included."""
    counted = Counter(dict.fromkeys(part.classes, 0))
    counted.update(label for label in part.labels if label is not None)
    return counted


def _order(train: Part, other: Part) -> list[Finding]:
    if not (train.classes and other.classes) or train.classes == other.classes:
        return []
    pairs = zip(train.classes, other.classes, strict=False)
    number = next(
        (i for i, (a, b) in enumerate(pairs) if a != b),
        min(len(train.classes), len(other.classes)),
    )
    names = [
        repr(part.classes[number]) if number < len(part.classes) else "nothing"
        for part in (train, other)
    ]
    return [
        Finding(
            kind="shifted-classes",
            severity="error",
            where=f"{train.name} and {other.name}",
            found=f"label {number} is {names[0]} in {train.name} and {names[1]} in "
            f"{other.name} ({len(train.classes)} and {len(other.classes)} classes).",
            means="Right answers are counted as wrong ones from there on.",
            do="Give both parts the same `classes`, or let one take those of the other "
            "(`classes_from`).",
        )
    ]


def _missing(train: Part, other: Part) -> list[Finding]:
    ours, theirs = counts(train), counts(other)
    findings = []
    if unknown := sorted(name for name in theirs if theirs[name] and not ours[name]):
        n_images = sum(theirs[name] for name in unknown)
        findings.append(
            Finding(
                kind="unknown-class",
                severity="error",
                where=other.name,
                found=f"{counted(n_images, 'image')} of {some_names(unknown)}, of "
                f"which {train.name} has none.",
                means="They cannot be learned, yet are scored.",
                do=f"Add images of them to {train.name}, correct the names, or take "
                f"them out of {other.name}.",
            )
        )
    if missing := sorted(name for name in ours if ours[name] and not theirs[name]):
        findings.append(
            Finding(
                kind="missing-class",
                severity="warning",
                where=other.name,
                found=f"no image is of {some_names(missing)}, {len(missing)} of the "
                f"{len(ours)} classes of {train.name}.",
                means=f"A score from {other.name} says nothing about them.",
                do=f"Add images of them to {other.name}, or split anew with "
                "--split-out.",
            )
        )
    return findings


def _shift(train: Part, other: Part) -> list[Finding]:
    ours, theirs = counts(train), counts(other)
    names = [name for name in ours if ours[name] + theirs[name]]
    if not sum(theirs[name] for name in names):
        return []
    table = np.array([[part[name] for name in names] for part in (ours, theirs)])
    shares = table / table.sum(axis=1, keepdims=True)
    apart = np.abs(shares[0] - shares[1])
    distance = apart.sum() / 2
    if len(names) < 2 or distance < SHIFT:
        return []
    if p_of_independence(table) > SHIFT_P:
        return []
    most = int(apart.argmax())
    return [
        Finding(
            kind="class-shares",
            severity="warning",
            where=f"{train.name} and {other.name}",
            found=f"the classes have other shares: {names[most]!r} is "
            f"{shares[0, most]:.0%} of {train.name} and {shares[1, most]:.0%} of "
            f"{other.name}; {distance:.0%} of the images would have to change class.",
            means="Accuracy on the one does not carry over to the other.",
            do="Split anew, each class evenly (--split-out), or compare by balanced "
            "accuracy.",
        )
    ]


def p_of_independence(table: np.ndarray) -> float:
    """Return the p-value of Pearson's chi-squared test, as SciPy's chi2_contingency.

    SciPy's own needs all of scipy.stats, which takes a second of each run to import.

    Args:
        table: Counts, (2, K), K from 2, no row or column of zeros.
    """
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    degrees = table.shape[1] - 1
    # Yates's correction, of a table of four.
    off = np.abs(table - expected) - (0.5 if degrees == 1 else 0)
    statistic = (off.clip(min=0) ** 2 / expected).sum()
    return float(chdtrc(degrees, statistic))


def _sizes(train: Part) -> list[Finding]:
    counted = counts(train)
    findings = []
    if empty := sorted(name for name in counted if not counted[name]):
        findings.append(
            Finding(
                kind="empty-class",
                severity="error",
                where=train.name,
                found=f"no image is of {some_names(empty)}.",
                means="They cannot be learned, yet the model has an output for each.",
                do="Add images, or take the classes out.",
            )
        )
    filled = {name: count for name, count in counted.items() if count}
    if tiny := sorted(name for name, count in filled.items() if count < TINY):
        findings.append(
            Finding(
                kind="tiny-class",
                severity="warning",
                where=train.name,
                found=f"{len(tiny)} of {len(filled)} classes have fewer than {TINY} "
                f"images: {some_names([f'{name} ({filled[name]})' for name in tiny])}.",
                means="With so few, neither learning nor a score of the class is "
                "reliable, and not every fold gets one.",
                do="Add images, or leave the class out or join it to another.",
            )
        )
    most, least = (pick(filled, key=filled.get) for pick in (max, min))
    ratio = filled[most] / filled[least]
    if ratio >= UNEVEN:
        findings.append(
            Finding(
                kind="imbalance",
                severity="warning" if ratio >= IMBALANCED else "note",
                where=train.name,
                found=f"{most!r} has {filled[most]} images, {least!r} has "
                f"{filled[least]}: {ratio:.1f} times as many.",
                means="Accuracy is mostly that of the large classes: always saying "
                f"{most!r} is right in {filled[most] / sum(filled.values()):.0%}.",
                do="Look at recall by class and at balanced accuracy; weight the loss "
                '(`class_weight="auto"`).',
            )
        )
    return findings
