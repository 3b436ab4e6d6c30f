"""Pictures that are nearly the same: stored anew, resized, flipped, turned or cropped.

In three steps, each slower and more certain than the one before: vectors of all
pictures find candidates, their thumbnails are correlated, and those that match are laid
over each other, at first as thumbnails and at last in detail.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import blake2b

import cv2
import numpy as np

from mmleaves.audit.candidates import candidates
from mmleaves.audit.descriptors import turned, turned_back
from mmleaves.audit.facts_cache import VERSION, FactsCache
from mmleaves.audit.image_facts import ImageFacts, shrunk, squeeze
from mmleaves.audit.reading import Progress
from mmleaves.audit.registration import grey, register, rescaled
from mmleaves.audit.screening import Match, screened
from mmleaves.machine_cores import cores
from mmleaves.transforms.load_image import read_image

# Sides at which two pictures are laid over each other, one after the other, as far as
# both are that large: leaves of one species differ in fine details alone.
SIDES_PX = (64, 128, 192)
# A multiple of each: means of means over whole pixels are the means.
ENOUGH_PX = 384
# Planted copies agree to 0.95 and more at last; other leaves of a species to 0.7.
AGREEMENT = 0.75
AGREEMENT_BEFORE = 0.6
# Of pictures below 64 pixels, which have few details: of CIFAR-10's pairs at 0.75 to
# 0.8, one in five is wrong, such as two ships on an empty sea.
AGREEMENT_SMALL = 0.8


@dataclass(frozen=True)
class NearPair:
    """Two pictures that are nearly the same.

    Attributes:
        first: Index of the one.
        second: Index of the other, larger than ``first``.
        turn: How the first is flipped or turned to look like the second, or ``""``.
        agreement: How well their fine details agree, from `agreement`, to 1.
    """

    first: int
    second: int
    turn: str
    agreement: float


@dataclass(frozen=True)
class Search:
    """What the search for near-duplicates found.

    Attributes:
        pairs: Pairs of pictures that are nearly the same, each once.
        plain: Indices of pictures without contrast, of which only exact copies are
            found.
    """

    pairs: list[NearPair]
    plain: list[int]


def near_duplicates(
    paths: Sequence[str],
    facts: Sequence[ImageFacts],
    *,
    cache: FactsCache | None = None,
    progress: Progress | None = None,
) -> Search:
    """Find the pairs of pictures that are nearly the same.

    Args:
        paths: A file of each picture, N of them.
        facts: The facts of each, N of them, no two with the same pixels.
        cache: Where the result is kept: for the same pictures it is not computed again.
        progress: Called with what is done, how many are done, and how many there are.
    """
    if len(paths) < 2:
        return Search([], [])
    order = sorted(range(len(facts)), key=lambda i: facts[i].content)
    digest = blake2b(f"near duplicates {VERSION}".encode(), digest_size=16)
    for i in order:
        digest.update(facts[i].content)
    key = digest.digest()
    if cache and (kept := cache.result(key)):
        return _restored(kept, order)
    thumbnails = np.stack([f.thumbnail for f in facts])
    found, plain = candidates(thumbnails, progress=progress)
    matches = screened(found, thumbnails, progress=progress)
    pairs = _best(_verified(matches, paths, facts, progress))
    search = Search(pairs, np.flatnonzero(plain).tolist())
    if cache:
        cache.keep_result(key, _stored(search, order))
    return search


def _verified(
    matches: Sequence[Match],
    paths: Sequence[str],
    facts: Sequence[ImageFacts],
    progress: Progress | None,
) -> list[NearPair]:
    # Neighbours in this order share pictures, which are then read once.
    matches = sorted(matches, key=lambda m: (m.first, m.second))

    @lru_cache(maxsize=512)
    def read(index: int) -> np.ndarray:
        img = read_image(paths[index], max_megapixels=float("inf"))
        # Not as it is: 512 photographs of 12 megapixels would take 18 GB.
        return shrunk(img, ENOUGH_PX)

    @lru_cache(maxsize=4096)
    def squeezed(index: int, side_px: int) -> np.ndarray:
        return squeeze(read(index), side_px)

    def verify(match: Match) -> NearPair | None:
        i, j, turn = match.first, match.second, match.turn
        smallest = min(
            side for f in (facts[i], facts[j]) for side in (f.width_px, f.height_px)
        )
        warp, before = match.warp, facts[i].thumbnail.shape[0]
        sides = sorted({min(side, max(smallest, before)) for side in SIDES_PX})
        for side in sides:
            # The thumbnails are at hand; a small picture is no more than they are.
            of = (facts[i].thumbnail, facts[j].thumbnail)
            if side != before:
                of = squeezed(i, side), squeezed(j, side)
            start = rescaled(warp, side / before)
            warp, value = register(grey(of[1]), grey(turned(of[0], turn)), start)
            if value < _least(side, sides[-1]):
                return None
            before = side
        return _pair(i, j, turn, round(value, 3))

    pairs, step = [], 1000
    with _one_opencv_thread(), ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(matches), step):
            pairs += filter(None, pool.map(verify, matches[start : start + step]))
            if progress:
                done = min(start + step, len(matches))
                progress("Verifying pairs", done, len(matches))
    return pairs


def _pair(first: int, second: int, turn: str, agreement: float) -> NearPair:
    if first < second:
        return NearPair(first, second, turn, agreement)
    return NearPair(second, first, turned_back(turn), agreement)


def _least(side_px: int, last_px: int) -> float:
    """Return the agreement that two pictures must reach at one side of several."""
    if side_px < last_px:
        return AGREEMENT_BEFORE
    return AGREEMENT if side_px >= SIDES_PX[0] else AGREEMENT_SMALL


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV's own threads from competing with ours for the cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _best(pairs: Sequence[NearPair]) -> list[NearPair]:
    """Return each pair once, as it fits best: a symmetric picture fits flipped too."""
    best: dict[tuple[int, int], NearPair] = {}
    for pair in pairs:
        key = pair.first, pair.second
        if key not in best or _rank(pair) > _rank(best[key]):
            best[key] = pair
    return [best[key] for key in sorted(best)]


def _rank(pair: NearPair) -> tuple[float, bool]:
    return round(pair.agreement, 2), not pair.turn


def _stored(search: Search, order: Sequence[int]) -> str:
    """Return the result as text, its indices in the order of the contents' hashes."""
    place = {index: place for place, index in enumerate(order)}
    pairs = [
        asdict(p) | {"first": place[p.first], "second": place[p.second]}
        for p in search.pairs
    ]
    return json.dumps({"pairs": pairs, "plain": [place[i] for i in search.plain]})


def _restored(text: str, order: Sequence[int]) -> Search:
    kept = json.loads(text)
    pairs = []
    for pair in kept["pairs"]:
        ends = order[pair["first"]], order[pair["second"]]
        pairs.append(_pair(*ends, pair["turn"], pair["agreement"]))
    pairs.sort(key=lambda p: (p.first, p.second))
    return Search(pairs, sorted(order[place] for place in kept["plain"]))
