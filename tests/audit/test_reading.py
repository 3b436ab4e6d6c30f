"""Images are read by as many threads as cores may be used."""

import os
import threading

import pytest

from mmleaves.audit.near_duplicates import near_duplicates
from mmleaves.audit.reading import read_images


@pytest.fixture
def one_core():
    if not hasattr(os, "sched_setaffinity") or os.cpu_count() < 2:
        pytest.skip("one core, or a system that lends none")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_a_process_that_may_use_one_core_reads_with_one_thread(
    one_core, photos, store, tmp_path
):
    copies = [store(p, tmp_path / f"{i}.jpg") for i, p in enumerate(photos)]
    paths = [str(path) for path in [*photos, *copies]]
    more: dict[str, int] = {}
    before = threading.active_count()

    def count(what, done, total):
        more[what] = threading.active_count() - before

    facts, _ = read_images(paths, progress=count)
    near_duplicates(paths, [facts[path] for path in paths], progress=count)
    assert more["Reading images"] == 1 and more["Verifying pairs"] == 1
