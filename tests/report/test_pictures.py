"""Which images are always wrong, and which flip."""

import numpy as np

from mmleaves.evidence.gathered import Gathered
from mmleaves.report.pictures import always_wrong, flipping, stability
from mmleaves.report.scored import score


def scored(right):
    """Recipes that have images right, by name: (R, n) each; the later the surer."""
    n = next(iter(right.values())).shape[1]
    labels = np.arange(n) % 2
    recipes = {}
    for name, one in right.items():
        said = np.where(one, labels, 1 - labels)
        # Other numbers in every repeat, as copies are refused.
        sure = np.linspace(0.6, 0.9, n) + 0.01 * np.arange(len(one))[:, None]
        probs = np.stack([1 - sure, sure], axis=-1)
        recipes[name] = np.where(said[..., None] == 1, probs, 1 - probs)
    return score(
        Gathered(
            labels=labels,
            classes=("a", "b"),
            recipes=recipes,
            train_images=100,
            images=tuple(f"{i}.png" for i in range(n)),
        )
    )


def test_images_are_sorted_by_what_the_seed_does():
    a, b = np.ones((2, 4, 12), bool)
    a[:, 0] = b[:, 0] = False  # always wrong, sure by 0.6
    a[:, 1] = b[:, 1] = False  # always wrong, and surer of it
    a[:, 2] = False  # wrong by a alone
    a[0, 3] = False  # flips once
    a[:2, 4] = b[:2, 4] = False  # flips most evenly, in both
    found = scored({"A": a, "B": b})
    assert [one.name for one in always_wrong(found)] == ["1.png", "0.png"]
    flips = flipping(found)
    assert [one.name for one in flips] == ["4.png", "3.png"]
    assert flips[0].truth == "a" and flips[0].right == {"A": 2, "B": 2}
    assert flips[0].said == (("b", 4), ("a", 4))
    counts = stability(found)
    assert (counts["A"].right, counts["A"].flips, counts["A"].wrong) == (7, 2, 3)
    assert (counts["B"].right, counts["B"].flips, counts["B"].wrong) == (9, 1, 2)


def test_a_single_repeat_flips_nothing():
    right = np.ones((1, 12), bool)
    right[0, 5] = False
    found = scored({"A": right})
    assert [one.index for one in always_wrong(found)] == [5]
    assert flipping(found) == []
