"""Whether a model could tell the label without looking at what is in the picture.

A model learns what is easiest (Geirhos et al., Shortcut learning in deep neural
networks, Nature Machine Intelligence 2, 2020): that all images of one class came from
one camera, on one background. So a small classifier is given one such cue alone.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np

from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.image_facts import ImageFacts
from mmleaves.audit.parts import Item
from mmleaves.audit.report import Finding

FOLDS = 5
AT_MOST = 2000  # images; more change the figure little and take long
CLASSES = 100  # the largest
BORDER_PX = 2  # of the thumbnail's 32
# Clearly above the baseline: by so much, and by so many standard errors.
MARGIN, ERRORS = 0.1, 4.0

CUES = {
    "size": "width and height",
    "format": "the format of the file (JPEG or PNG, colour or grey)",
    "mean colour": "the mean colour",
    "border": "the colours along the border",
}


def shortcut_findings(
    items: Sequence[Item],
    facts: Mapping[str, ImageFacts],
    part: str,
    cache: FactsCache | None = None,
) -> list[Finding]:
    """Return a finding for each cue that predicts the label clearly.

    Args:
        items: Images of one part.
        facts: Facts by path.
        part: The part's name.
        cache: Where accuracies are kept, or None.
    """
    seen: dict[bytes, Item] = {}
    for item in items:
        if item.label is not None and item.path in facts:
            # A copy of an image in another fold would be known by heart.
            seen.setdefault(facts[item.path].pixels, item)
    sizes = Counter(item.label for item in seen.values())
    # Of a thousand classes, a sample would hold two images each, and say nothing.
    large = {label for label, size in sizes.most_common(CLASSES) if size >= FOLDS}
    kept = [item for item in seen.values() if item.label in large]
    labels = np.array([item.label for item in kept])
    if len(set(labels)) < 2:
        return []
    if len(kept) > AT_MOST:
        chosen = _sample(labels)
        kept, labels = [kept[i] for i in chosen], labels[chosen]
    known = [facts[item.path] for item in kept]
    findings = []
    for cue, title in CUES.items():
        accuracy = _known_accuracy(_features(known, cue), labels, cache)
        baseline = Counter(labels.tolist()).most_common(1)[0][1] / len(labels)
        if accuracy is None or not is_clear(accuracy, baseline, len(labels)):
            continue
        # Half of the way from guessing to being always right.
        strong = accuracy - baseline > (1 - baseline) / 2
        findings.append(
            Finding(
                kind="shortcut",
                severity="warning" if strong else "note",
                where=f"{part}, {cue}",
                found=f"from {title} alone, a small classifier tells the label in "
                f"{accuracy:.0%} of {len(labels)} images (cross-validated); always "
                f"saying the largest class is right in {baseline:.0%}.",
                means="A model can learn this instead of what is in the picture, and "
                "fails on images from elsewhere.",
                do=_ADVICE[cue],
            )
        )
    return findings


def _sample(labels: np.ndarray) -> np.ndarray:
    """Return the indices of some two thousand images, each class as in all, or five."""
    order = np.random.RandomState(0).permutation(len(labels))
    share = AT_MOST / len(labels)
    chosen = []
    for name in np.unique(labels):
        own = order[labels[order] == name]
        chosen.append(own[: max(FOLDS, round(share * len(own)))])
    return np.sort(np.concatenate(chosen))


def _known_accuracy(
    features: np.ndarray, labels: np.ndarray, cache: FactsCache | None
) -> float | None:
    """Return `cue_accuracy`, from the cache if it was asked for before."""
    if cache is None:
        return cue_accuracy(features, labels)
    content = [b"cue", version("scikit-learn").encode(), features, *labels]
    digest = hashlib.sha256()
    for piece in content:
        held = piece.encode() if isinstance(piece, str) else bytes(piece)
        digest.update(b"%d " % len(held) + held)
    if (text := cache.result(digest.digest())) is None:
        text = json.dumps(cue_accuracy(features, labels))
        cache.keep_result(digest.digest(), text)
    return json.loads(text)


def cue_accuracy(features: np.ndarray, labels: np.ndarray) -> float | None:
    """Return how often a small classifier is right that sees only ``features``.

    The classifier is a forest of 30 extremely randomised trees (Geurts, Ernst and
    Wehenkel, Machine Learning 63, 2006), scored in 5 stratified folds.

    Args:
        features: (N, F), float.
        labels: Class names, (N,).

    Returns:
        Share that is right, 0 to 1; None if all images have the same features.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if (features == features[0]).all():
        return None
    smallest = min(Counter(labels.tolist()).values())
    folds = StratifiedKFold(max(2, min(FOLDS, smallest)), shuffle=True, random_state=0)
    forest = ExtraTreesClassifier(30, min_samples_leaf=2, random_state=0)
    _, codes = np.unique(labels, return_inverse=True)
    return float((cross_val_predict(forest, features, codes, cv=folds) == codes).mean())


def is_clear(accuracy: float, baseline: float, n_images: int) -> bool:
    """Return whether an accuracy is clearly above the share of the largest class."""
    error = np.sqrt(max(baseline * (1 - baseline), 1e-9) / n_images)
    return accuracy > baseline + max(MARGIN, ERRORS * error)


def _features(known: Sequence[ImageFacts], cue: str) -> np.ndarray:
    if cue == "size":
        return np.array(
            [[f.width_px, f.height_px, f.width_px / f.height_px] for f in known]
        )
    if cue == "format":
        forms = sorted({f.form for f in known})
        return np.array([[f.form == form for form in forms] for f in known], float)
    thumbnails = np.stack([f.thumbnail for f in known]).astype(np.float32)
    if cue == "mean colour":
        return thumbnails.mean(axis=(1, 2))
    sides = (
        thumbnails[:, :BORDER_PX],
        thumbnails[:, -BORDER_PX:],
        thumbnails[:, :, :BORDER_PX],
        thumbnails[:, :, -BORDER_PX:],
    )
    return np.concatenate([side.mean(axis=(1, 2)) for side in sides], axis=1)


_ADVICE = {
    "size": "Find out why sizes differ by class; cut images to one size before they "
    "are sorted, and test on images from another source.",
    "format": "Find out why formats differ by class, and store all images in one.",
    "mean colour": "Right where the class has a colour, as ripe fruit has; else take "
    "images of all classes in one light, or train with ColorJitter. Test on images "
    "from another source.",
    "border": "Take images of all classes on one background, or cut the object out; "
    "test on images from another source.",
}
