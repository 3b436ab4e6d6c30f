"""Whether a model could tell the label without looking at what is in the picture.

A model learns what is easiest (Geirhos et al., Shortcut learning in deep neural
networks, Nature Machine Intelligence 2, 2020): that all images of one class came from
one camera, on one background. So a small classifier is given one such cue alone.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import numpy as np

from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.image_facts import ImageFacts
from mmleaves.audit.parts import Item
from mmleaves.audit.report import Finding

FOLDS = 5  # and what a class needs, of images that do not belong together
AT_MOST = 2000  # images; more change the figure little and take long
CLASSES = 100  # the largest
BORDER_PX = 2  # of the thumbnail's 32
# Clearly above guessing: by so much, and by so many standard errors.
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
    *,
    together: Sequence[int] | None = None,
) -> list[Finding]:
    """Return a finding for each cue that predicts the label clearly.

    Args:
        items: Images of one part, N of them.
        facts: Facts by path.
        part: The part's name.
        cache: Where accuracies are kept, or None.
        together: A number for each image that those share which belong together, (N,),
            from `clusters`; None if none do.
    """
    seen: dict[bytes, int] = {}
    for index, item in enumerate(items):
        if item.label is not None and item.path in facts:
            seen.setdefault(facts[item.path].pixels, index)
    numbers = range(len(items)) if together is None else together
    sizes = Counter(items[i].label for i in seen.values())
    apart = sizes_apart([(items[i].label, numbers[i]) for i in seen.values()])
    # Of a thousand classes, a sample would hold two images each, and say nothing.
    large = {label for label, _ in sizes.most_common(CLASSES) if apart[label] >= FOLDS}
    kept = [i for i in seen.values() if items[i].label in large]
    labels = np.array([items[i].label for i in kept])
    if len(set(labels)) < 2:
        return []
    tied = np.array([numbers[i] for i in kept])
    if len(kept) > AT_MOST:
        chosen = _sample(labels, tied)
        kept, labels, tied = [kept[i] for i in chosen], labels[chosen], tied[chosen]
    # From 0 on: the numbers depend on images that are not looked at here.
    tied = np.unique(tied, return_inverse=True)[1]
    known = [facts[items[i].path] for i in kept]
    apart = sizes_apart(zip(labels.tolist(), tied.tolist(), strict=True))
    guessing = 1 / len(apart)
    findings = []
    for cue, title in CUES.items():
        accuracy = _known_accuracy(_features(known, cue), labels, tied, cache)
        if accuracy is None or not is_clear(accuracy, list(apart.values())):
            continue
        # Half of the way from guessing to being always right.
        strong = accuracy - guessing > (1 - guessing) / 2
        findings.append(
            Finding(
                kind="shortcut",
                severity="warning" if strong else "note",
                where=f"{part}, {cue}",
                found=f"from {title} alone, a small classifier tells the label of "
                f"{accuracy:.0%} of a class's images, on average over {len(apart)} "
                f"classes ({len(labels)} images, cross-validated); guessing tells "
                f"{guessing:.0%}.",
                means="A model can learn this instead of what is in the picture, and "
                "fails on images from elsewhere.",
                do=_ADVICE[cue],
            )
        )
    return findings


def sizes_apart(images: Iterable[tuple[str, int]]) -> Counter[str]:
    """Return how many images or clusters of images each class has.

    Args:
        images: Class name and cluster of each.
    """
    return Counter(label for label, _ in set(images))


def _sample(labels: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Return the indices of some two thousand images, each class as in all, or five.

    One of each cluster comes before a second of any.
    """
    order = np.random.RandomState(0).permutation(len(labels))
    share = AT_MOST / len(labels)
    chosen = []
    for name in np.unique(labels):
        own = order[labels[order] == name]
        earlier: Counter[int] = Counter()
        ranks = []
        for cluster in together[own].tolist():
            ranks.append(earlier[cluster])
            earlier[cluster] += 1
        own = own[np.argsort(ranks, kind="stable")]
        chosen.append(own[: max(FOLDS, round(share * len(own)))])
    return np.sort(np.concatenate(chosen))


def _known_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    together: np.ndarray,
    cache: FactsCache | None,
) -> float | None:
    """Return `cue_accuracy`, from the cache if it was asked for before."""
    if cache is None:
        return cue_accuracy(features, labels, together)
    how = b"cue, balanced, by clusters", version("scikit-learn").encode()
    content = [*how, features, together, *labels]
    digest = hashlib.sha256()
    for piece in content:
        held = piece.encode() if isinstance(piece, str) else bytes(piece)
        digest.update(b"%d " % len(held) + held)
    if (text := cache.result(digest.digest())) is None:
        text = json.dumps(cue_accuracy(features, labels, together))
        cache.keep_result(digest.digest(), text)
    return json.loads(text)


def cue_accuracy(
    features: np.ndarray, labels: np.ndarray, together: np.ndarray
) -> float | None:
    """Return how often a small classifier is right that sees only ``features``.

    The classifier is a forest of 30 extremely randomised trees (Geurts, Ernst and
    Wehenkel, Machine Learning 63, 2006), in which every class weighs the same. It is
    scored in 5 stratified folds that divide no cluster, by balanced accuracy (Brodersen
    et al., The balanced accuracy and its posterior distribution, ICPR 2010): where nine
    of ten images are of one class, plain accuracy is high without any cue.

    Args:
        features: (N, F), float.
        labels: Class names, (N,), each of 5 clusters or more.
        together: Cluster of each image, (N,), int.

    Returns:
        Mean over the classes of the share that is right, 0 to 1; None if all images
        have the same features.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import recall_score
    from sklearn.model_selection import (
        StratifiedGroupKFold,
        StratifiedKFold,
        cross_val_predict,
    )

    if (features == features[0]).all():
        return None
    # Without clusters both deal alike, one in 0.01 s and the other in 0.4.
    single = len(np.unique(together)) == len(together)
    kind, groups = (
        (StratifiedKFold, None) if single else (StratifiedGroupKFold, together)
    )
    folds = kind(FOLDS, shuffle=True, random_state=0)
    forest = ExtraTreesClassifier(
        30, min_samples_leaf=2, class_weight="balanced", random_state=0
    )
    _, codes = np.unique(labels, return_inverse=True)
    said = cross_val_predict(forest, features, codes, cv=folds, groups=groups)
    return float(recall_score(codes, said, average="macro"))


def is_clear(accuracy: float, apart: Sequence[int]) -> bool:
    """Return whether a balanced accuracy is clearly above guessing.

    Args:
        accuracy: Mean over C classes of the share that is right, 0 to 1.
        apart: How many images or clusters of images each class has, C of them; the
            images of a cluster tell no more than one of them does.
    """
    guessing = 1 / len(apart)
    variances = [guessing * (1 - guessing) / size for size in apart]
    error = np.sqrt(sum(variances)) / len(apart)
    return accuracy > guessing + max(MARGIN, ERRORS * error)


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
