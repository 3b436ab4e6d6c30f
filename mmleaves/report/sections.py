"""What each section of a page shows."""

from collections.abc import Sequence

from markupsafe import Markup

from mmleaves.evidence.compare import Comparison
from mmleaves.report import figures
from mmleaves.report.class_scores import (
    ClassScores,
    class_scores,
    confusion,
    top_confusions,
)
from mmleaves.report.curves import read_curves
from mmleaves.report.grad_cam import HeatMaps
from mmleaves.report.intervals import difference_scale
from mmleaves.report.pictures import HardImage, always_wrong, flipping, stability
from mmleaves.report.reliability import Reliability, reliability
from mmleaves.report.roc import Roc, roc
from mmleaves.report.scored import Scored
from mmleaves.report.thumbnails import Thumbnail, thumbnail

__all__ = [
    "classes",
    "confusions",
    "galleries",
    "hardest",
    "reliabilities",
    "roc_curves",
    "stability",
    "training_curves",
    "verdicts",
]

TOP_CONFUSIONS, HARDEST = 12, 10


def verdicts(scored: Scored) -> list[tuple[Comparison, Markup]]:
    """Return the verdicts with their intervals, drawn on one scale."""
    ends = [
        end
        for one in scored.comparisons
        for end in (one.measured.low, one.measured.high)
    ]
    if not ends:
        return []
    scale = difference_scale(ends, scored.margin)
    return [
        (one, figures.verdict_figure(one.measured, scale, scored.margin))
        for one in scored.comparisons
    ]


def classes(scored: Scored) -> list[dict[str, ClassScores]]:
    """Return the scores of each class by recipe, in label order."""
    found = {name: class_scores(one, scored.design) for name, one in _said(scored)}
    return [
        dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)
    ]


def hardest(
    rows: Sequence[dict[str, ClassScores]],
) -> list[dict[str, ClassScores]]:
    """Return the ten classes that are found least often, over all recipes."""
    known = [row for row in rows if next(iter(row.values())).images]
    recalls = [sum(one.recall for one in row.values()) for row in known]
    order = sorted(range(len(known)), key=recalls.__getitem__)
    return [known[i] for i in order[:HARDEST]]


def confusions(scored: Scored) -> dict[str, dict]:
    """Return counts, the most frequent mistakes and a drawing, by recipe."""
    found = {}
    for name, one in _said(scored):
        counts = confusion(one, scored.design)
        if counts is None:
            continue
        found[name] = {
            "counts": counts.tolist(),
            "sums": counts.sum(axis=1).tolist(),
            "top": top_confusions(counts, TOP_CONFUSIONS),
            "map": figures.heat_map(counts, f"Confusion matrix of {name}"),
        }
    return found


def roc_curves(
    scored: Scored, asked: Sequence[str]
) -> dict[str, dict[str, tuple[Roc, Markup]]]:
    """Return the curves by class and recipe, with their drawings.

    Raises:
        ValueError: If a class that is asked for is none, or has no curve.
    """
    names = scored.design.classes
    if not scored.has_probs:
        if asked:
            raise ValueError(
                f"--roc {asked[0]}: found predictions without probabilities, which "
                "have no ROC curve. Give tables with prob:CLASS for each class, or "
                "leave it out."
            )
        return {}
    if not asked and len(names) == 2:
        asked = [names[scored.positive]]
    found = {}
    for name in dict.fromkeys(asked):
        if name not in names:
            raise ValueError(
                f"--roc {name}: expected one of the classes, {', '.join(names)}."
            )
        label = names.index(name)
        curves = {
            recipe: roc(one, scored.design, label) for recipe, one in _said(scored)
        }
        found[name] = {
            recipe: (curve, figures.roc_figure(curves, recipe))
            for recipe, curve in curves.items()
        }
    return found


def reliabilities(scored: Scored) -> dict[str, tuple[Reliability, Markup]]:
    """Return the calibration of each recipe, with its drawing."""
    if not scored.has_probs:
        return {}
    found = {}
    for i, (name, one) in enumerate(_said(scored)):
        made = reliability(one, scored.design)
        drawn = figures.reliability_figure(made, name, i % figures.COLORS)
        found[name] = made, drawn
    return found


def training_curves(scored: Scored) -> list[tuple[str, int, Markup]]:
    """Return what was measured, in how many runs, and a drawing of it."""
    recipes = list(scored.said)
    return [
        (name, len(curves), figures.curves_figure(curves, name, recipes))
        for name, curves in read_curves(scored.gathered.runs).items()
    ]


def galleries(
    scored: Scored, most: int, folder: str, grad_cam: int
) -> dict[str, tuple[int, list[tuple[HardImage, Thumbnail, list]], str]]:
    """Return how many images of each kind there are, and the first of them.

    Returns:
        By ``"wrong"`` and ``"flip"``: the number of images; the first with a picture
        and Grad-CAMs; and a sentence on why Grad-CAMs lack, empty if none do.
    """
    hashes = scored.gathered.hashes
    maps = HeatMaps(scored, grad_cam)
    found = {}
    for kind, images in (
        ("wrong", always_wrong(scored)),
        ("flip", flipping(scored)),
    ):
        shown = []
        for place, one in enumerate(images[:most]):
            sha256 = hashes[one.index] if hashes else None
            picture = thumbnail(one.name, folder, sha256)
            shown.append((one, picture, maps.of(place, one, picture.path)))
        found[kind] = len(images), shown
    return {kind: (*values, maps.lacking) for kind, values in found.items()}


def _said(scored: Scored) -> list:
    return list(scored.said.items())
