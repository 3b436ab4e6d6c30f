"""Images that show nearly the same picture belong together, as exact copies do."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from mmleaves.audit.duplicates import pictures
from mmleaves.audit.facts_cache import FactsCache, look_with_cache
from mmleaves.audit.near_duplicates import near_duplicates
from mmleaves.audit.parts import Item
from mmleaves.audit.reading import read_images
from mmleaves.audit.split_proposal import clusters
from mmleaves.experiments.image_table import PlannedImage
from mmleaves.names_as_text import as_text

SHOWN = 5


def with_near_copies(
    images: Sequence[PlannedImage], *, max_megapixels: float = 64
) -> tuple[list[PlannedImage], int]:
    """Tie images together that are nearly the same, as `mmleaves check` finds them.

    Else a network would be scored on pictures that it was trained on, re-encoded,
    resized, flipped or lightly cropped.

    Args:
        images: The images of an experiment; exact copies and groups are tied already.
        max_megapixels: A file whose header announces more is not looked into.

    Returns:
        The images with other numbers ``together``, and how many of them have a picture
        that is nearly another's.

    Raises:
        ValueError: If an image file cannot be used; no run could be done with it.
    """
    return look_with_cache(
        lambda cache: _tied(images, cache, max_megapixels),
        lambda text: print(text, file=sys.stderr),
    )


def _tied(
    images: Sequence[PlannedImage], cache: FactsCache | None, max_megapixels: float
) -> tuple[list[PlannedImage], int]:
    items = [Item(one.image, one.part, one.label) for one in images]
    facts, problems = read_images(
        (item.path for item in items), cache=cache, max_megapixels=max_megapixels
    )
    if problems:
        shown = [f"{as_text(p)}: {why}" for p, why in sorted(problems.items())]
        more = f"\n  and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        raise ValueError(
            f"{len(shown)} of {len(items)} image files cannot be used. Mend them or "
            "take them out of the data set before the images are dealt out; "
            "`mmleaves check` names all:\n  " + "\n  ".join(shown[:SHOWN]) + more
        )
    shown = pictures(items, facts)
    paths = [items[group[0]].path for group in shown]
    search = near_duplicates(paths, [facts[path] for path in paths], cache=cache)
    ties = [(group[0], index) for group in shown for index in group[1:]]
    near = [(shown[pair.first][0], shown[pair.second][0]) for pair in search.pairs]
    together = clusters(
        len(images), [*ties, *near], [str(one.together) for one in images]
    )
    tied = [
        replace(one, together=number)
        for one, number in zip(images, together, strict=True)
    ]
    return tied, len({index for pair in near for index in pair})
