"""Read every image once: its facts, or what is wrong with it."""

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.image_facts import ImageFacts, image_facts
from mmleaves.datasets.image_header import unreadable
from mmleaves.machine_cores import cores
from mmleaves.transforms.load_image import TO_DO

Progress = Callable[[str, int, int], None]
BATCH = 512


def read_images(
    paths: Iterable[str],
    *,
    cache: FactsCache | None = None,
    max_megapixels: float = 64,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, ImageFacts], dict[str, str]]:
    """Decode each image, unless the cache knows its file.

    Args:
        paths: Image files; each is read once.
        cache: Where facts are kept, or None.
        max_megapixels: A file whose header announces more is not decoded.
        threads: Files decoded at once, by default as many as cores may be used.
        progress: Called with what is done, how many are done, and how many there are.

    Returns:
        The facts by path, and what is wrong with the other files by path.
    """
    unique = list(dict.fromkeys(paths))
    facts = cache.facts(unique) if cache else {}
    # What was kept under another limit is looked at again.
    facts = {
        path: known
        for path, known in facts.items()
        if known.width_px * known.height_px <= max_megapixels * 1e6
    }
    todo = [path for path in unique if path not in facts]
    problems: dict[str, str] = {}

    def read(path: str) -> tuple[str, os.stat_result | None, ImageFacts | str]:
        return path, *_read(path, max_megapixels)

    with ThreadPoolExecutor(threads or cores()) as pool:
        for start in range(0, len(todo), BATCH):
            began_s = time.time()
            done = list(pool.map(read, todo[start : start + BATCH]))
            new = [(p, stat, f) for p, stat, f in done if isinstance(f, ImageFacts)]
            if cache:
                # Batch by batch, so that an audit that was stopped goes on from here.
                cache.keep([(p, stat, f) for p, stat, f in new if stat], began_s)
            facts.update({path: found for path, _, found in new})
            problems.update({p: text for p, _, text in done if isinstance(text, str)})
            if progress:
                progress("Reading images", start + len(done), len(todo))
    return facts, problems


def _read(
    path: str, max_megapixels: float
) -> tuple[os.stat_result | None, ImageFacts | str]:
    """Return the file's state if it stayed so while it was read, and what was found."""
    try:
        before = Path(path).stat()
        if problem := unreadable(before, max_megapixels):
            return None, problem
        data = Path(path).read_bytes()
        after = Path(path).stat()
        facts = image_facts(path, data, max_megapixels=max_megapixels)
    except FileNotFoundError:
        return None, "found no such file"
    except OSError as error:
        return None, f"found {(error.strerror or str(error)).lower()}"
    except ValueError as error:
        return None, str(error).removeprefix(f"{path}: ").removesuffix(f" {TO_DO}")
    whole = len(data) == before.st_size
    return before if whole and _same(before, after) else None, facts


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns, before.st_ino) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_ino,
    )
