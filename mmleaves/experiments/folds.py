"""Deal images out to folds: each class evenly, what belongs together undivided."""

import warnings
from collections.abc import Sequence

import numpy as np

from mmleaves.datasets.splits import ALWAYS_TRAIN, check_seed, stratified_folds

ATTEMPTS = 100


def deal_folds(
    labels: Sequence[str], together: Sequence[int], folds: int, seed: int
) -> np.ndarray:
    """Return the fold of each image; each class can be trained on without any of them.

    Without anything that belongs together they are the folds of scikit-learn's
    ``StratifiedKFold``, else of its ``StratifiedGroupKFold``, dealt again by another
    seed until every fold has two images and none holds all of a class. What has a class
    to itself is always for training: it belongs to no fold.

    Args:
        labels: Class of each image, (N,).
        together: Number that images share which belong together, (N,).
        folds: Number of folds, 2 or more.
        seed: Seed of the dealing, 0 to 2**32 - 1.

    Returns:
        0 to ``folds - 1``, or ``ALWAYS_TRAIN``, (N,), int64.

    Raises:
        ValueError: If there are too few images, or they are tied together too much.
    """
    clusters = np.unique(np.asarray(together), return_inverse=True)[1]
    if len(set(clusters.tolist())) == len(labels):
        return stratified_folds(labels, folds, seed)
    check_seed(seed)
    if folds < 2:
        raise ValueError(f"found folds={folds}, expected 2 or more. Set `folds` to 5.")
    codes = np.unique(np.asarray(labels), return_inverse=True)[1]
    alone = {
        int(members[0])
        for code in range(codes.max() + 1)
        if len(members := np.unique(clusters[codes == code])) == 1
    }
    dealt = np.flatnonzero([int(cluster) not in alone for cluster in clusters])
    count = len(set(clusters[dealt].tolist()))
    largest = int(np.bincount(codes[dealt]).max()) if len(dealt) else 0
    if count < folds or largest < folds:
        raise ValueError(
            f"found {count} groups of images that belong together, and {largest} "
            "images in the largest class that has several, expected at least "
            f"{folds} of both, as folds={folds}. Take fewer folds, or add images."
        )
    for attempt in range(ATTEMPTS):
        draw = np.random.SeedSequence([seed, attempt]).generate_state(1)[0]
        fold_of = np.full(len(codes), ALWAYS_TRAIN, dtype=np.int64)
        fold_of[dealt] = _deal(codes[dealt], clusters[dealt], folds, int(draw))
        if _each_class_can_be_trained(codes, fold_of, folds):
            return fold_of
    raise ValueError(
        f"found no way in {ATTEMPTS} attempts to deal {count} groups to {folds} folds "
        "so that each fold leaves images of every class to train with. Take fewer "
        "folds, or take classes out that lie in few groups."
    )


def _deal(codes: np.ndarray, clusters: np.ndarray, folds: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold_of = np.empty(len(codes), dtype=np.int64)
    with warnings.catch_warnings():
        # Whether a small class is still trained on is checked afterwards.
        warnings.filterwarnings("ignore", "The least populated class")
        parts = splitter.split(codes, codes, clusters)
        for fold, (_, held_out) in enumerate(parts):
            fold_of[held_out] = fold
    return fold_of


def _each_class_can_be_trained(
    codes: np.ndarray, fold_of: np.ndarray, folds: int
) -> bool:
    classes = codes.max() + 1
    return all(
        np.sum(fold_of == fold) > 1
        and len(np.unique(codes[fold_of != fold])) == classes
        for fold in range(folds)
    )
