"""From which probability on an image counts as positive, chosen without that image."""

import numpy as np

from mmleaves.evidence.design import Design, TooFewOfAClassError


def even_threshold(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the threshold at which sensitivity and specificity are most even.

    It is the one with the highest lower one of the two, which is where the error rates
    are equal; of several, the lowest, which finds the most positive images. The
    threshold of the highest sum (Youden's index) jumps from sample to sample: by
    specificity there, one of ten comparisons of a recipe with itself named a winner.

    Args:
        scores: Probability of being positive, (m,).
        positive: Whether each image is, (m,), bool; both kinds must be there.

    Returns:
        One of the scores; from it on, an image counts as positive.
    """
    candidates = np.unique(scores)
    found = len(scores[positive]) - np.searchsorted(
        np.sort(scores[positive]), candidates
    )
    spared = np.searchsorted(np.sort(scores[~positive]), candidates)
    # In whole numbers, so that equal rates are equal.
    rates = found * int((~positive).sum()), spared * int(positive.sum())
    return float(candidates[np.minimum(*rates).argmax()])


def said_positive(
    scores: np.ndarray, positive: np.ndarray, design: Design
) -> np.ndarray:
    """Return which images are called positive, (R, n), bool.

    In cross-validation the threshold for the images of a fold is the even one for the
    images of the other folds of the same repeat, by what was said of those when they
    were scored themselves. So neither the label nor the score of an image plays a part
    in the threshold it is held against. What remains is of second order: the nets that
    scored the other folds had this image among their training images. On a hold-out
    there are no other folds, and the threshold is 0.5.

    Args:
        scores: Probability of being positive, (R, n).
        positive: Whether each image is, (n,), bool.
        design: Which fold scored each image.

    Raises:
        TooFewOfAClassError: If all other folds have images of one kind only.
    """
    if design.folds is None:
        return scores >= 0.5
    said = np.empty(scores.shape, bool)
    for repeat, folds in enumerate(design.folds):
        for fold in range(design.runs_per_repeat):
            here = folds == fold
            if len(np.unique(positive[~here])) < 2:
                raise TooFewOfAClassError(
                    f"repeat {repeat}: the folds other than {fold} have images of one "
                    "class only, expected both, to choose a threshold on. Make the "
                    "folds stratified, or compare by accuracy."
                )
            threshold = even_threshold(scores[repeat, ~here], positive[~here])
            said[repeat, here] = scores[repeat, here] >= threshold
    return said
