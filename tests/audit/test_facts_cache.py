"""What is kept between audits: never stale, safe for two processes, quick."""

import os
import shutil
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.facts_cache import FactsCache, cache_folder, look_with_cache
from mmleaves.audit.parts import Part
from mmleaves.audit.reading import read_images
from mmleaves.experiments.image_table import POOL, PlannedImage
from mmleaves.experiments.near_copies import with_near_copies


@pytest.fixture
def old(tmp_path, photos):
    """Ten copies of photographs."""
    paths = []
    for index, photo in enumerate(photos[:10]):
        path = tmp_path / f"{index}.jpg"
        shutil.copy(photo, path)
        paths.append(str(path))
    return paths


@pytest.fixture
def cache(tmp_path, monkeypatch):
    # The files of the test are seconds old, and their change time cannot be set back.
    monkeypatch.setattr("mmleaves.audit.facts_cache.FRESH_S", -3600)
    return FactsCache(tmp_path / "cache")


def test_what_was_read_once_is_not_read_again(cache, old):
    first, _ = read_images(old, cache=cache)
    known = cache.facts(old)
    assert known.keys() == first.keys() == set(old)
    for path in old:
        assert known[path].pixels == first[path].pixels
        assert (known[path].thumbnail == first[path].thumbnail).all()


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_is_read_again(cache, old, photos, keep_time):
    before, _ = read_images(old, cache=cache)
    stat = Path(old[0]).stat()
    data = Path(photos[20]).read_bytes()
    Path(old[0]).write_bytes(data)
    if keep_time:
        os.utime(old[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after, _ = read_images(old, cache=cache)
    assert after[old[0]].content != before[old[0]].content
    assert after[old[1]].content == before[old[1]].content


def test_a_file_of_the_same_size_and_date_that_was_replaced_is_read_again(cache, old):
    size = max(Path(path).stat().st_size for path in old)
    for path in old[:2]:
        with Path(path).open("ab") as file:
            file.write(bytes(size - Path(path).stat().st_size))
        os.utime(path, ns=(10**18, 10**18))
    before, _ = read_images(old[:1], cache=cache)
    Path(old[1]).replace(old[0])
    now = Path(old[0]).stat()
    assert (now.st_size, now.st_mtime_ns) == (size, 10**18)
    after, _ = read_images(old[:1], cache=cache)
    assert after[old[0]].content != before[old[0]].content


def test_a_file_that_was_just_written_is_not_kept(tmp_path, old):
    cache = FactsCache(tmp_path / "cache")
    read_images(old, cache=cache)
    assert cache.facts(old) == {}


def test_what_counts_is_a_files_age_when_it_was_read(tmp_path, old):
    facts, _ = read_images(old)
    cache = FactsCache(tmp_path / "cache")
    stat = Path(old[0]).stat()
    row = old[0], stat, facts[old[0]]
    # Read a second after it was written, in a batch that took a minute.
    cache.keep([row], stat.st_ctime + 1)
    assert cache.facts(old) == {}
    cache.keep([row], stat.st_ctime + 4)
    assert set(cache.facts(old)) == {old[0]}


def test_a_lower_limit_of_pixels_looks_at_known_files_again(cache, old):
    read_images(old, cache=cache)
    facts, problems = read_images(old, cache=cache, max_megapixels=0.01)
    assert not facts and "expected at most 0.01 megapixels" in problems[old[0]]


def test_a_damaged_cache_is_made_anew_and_said_so(tmp_path, old, capsys):
    cache = FactsCache(tmp_path / "cache")
    cache.path.write_bytes(b"no database at all, but long enough to be looked at" * 99)
    FactsCache(tmp_path / "cache")
    assert "found a damaged cache" in capsys.readouterr().err


def test_a_folder_that_cannot_hold_a_cache_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        FactsCache(tmp_path / "file")


@pytest.fixture
def full(tmp_path, monkeypatch):
    """The cache that all commands share, which takes no results any more."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache = FactsCache(cache_folder())
    with sqlite3.connect(cache.path) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON results "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    return cache


def test_who_keeps_nothing_is_told_how_to_move_the_cache(full):
    with pytest.raises(
        OSError, match=r"disk is full\).*XDG_CACHE_HOME, or for `check`"
    ):
        full.keep_result(b"key", "value")


def test_a_full_cache_is_told_and_done_without(full):
    caches, said = [], []

    def look(cache):
        caches.append(cache and cache.path)
        if cache:
            cache.keep_result(b"key", "value")
        return "found"

    assert look_with_cache(look, said.append) == "found"
    assert caches == [full.path, None]
    assert len(said) == 1 and said[0].startswith("Nothing is kept for the next time: ")


def test_an_experiment_is_planned_beside_a_full_cache(full, old, capsys):
    images = [
        PlannedImage(path, path, "leaf", "", number, POOL)
        for number, path in enumerate(old)
    ]
    tied, near = with_near_copies(images)
    assert (tied, near) == (images, 0)
    assert "database or disk is full" in capsys.readouterr().err


def test_what_nobody_asked_for_in_90_days_is_dropped(cache, old):
    read_images(old, cache=cache)
    with sqlite3.connect(cache.path) as db:
        db.execute("UPDATE files SET used=?", [time.time() - 91 * 24 * 3600])
    assert FactsCache(cache.path.parent).facts(old) == {}


def _fill(folder, paths, seed):
    cache = FactsCache(Path(folder))
    facts, _ = read_images(paths)
    rows = [(path, Path(path).stat(), facts[path]) for path in paths]
    for _ in range(50):
        cache.keep(rows[seed:] + rows[:seed], time.time() + 60)
        cache.keep_result(bytes([seed]) * 16, str(seed))
        assert set(cache.facts(paths)) == set(paths)
    return cache.result(bytes([seed]) * 16)


def test_two_processes_write_at_once(tmp_path, old):
    with ProcessPoolExecutor(2) as pool:
        done = pool.map(_fill, [tmp_path / "cache"] * 2, [old] * 2, [0, 1])
        assert list(done) == ["0", "1"]
    facts, _ = read_images(old)
    kept = FactsCache(tmp_path / "cache").facts(old)
    assert {path: f.pixels for path, f in kept.items()} == {
        path: f.pixels for path, f in facts.items()
    }


def test_the_file_of_a_version_that_is_no_longer_used_is_deleted(tmp_path):
    for name, days in (("audit-1.sqlite", 91), ("audit-2.sqlite", 89)):
        (tmp_path / name).touch()
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    cache = FactsCache(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "audit-2.sqlite", cache.path.name
    }  # fmt: skip


def test_a_second_audit_gives_the_same_report(cache, old, store, tmp_path):
    old.append(str(store(Path(old[3]), tmp_path / "copy.jpg")))
    labels = ["a", "b"] * 5 + ["b"]
    first, second = (
        audit_parts(
            [Part("all", paths, labels[:: 1 if paths is old else -1])], cache=cache
        )
        for paths in (old, old[::-1])
    )
    assert len(first.findings) == len(second.findings)
    pairs = [
        {frozenset((p.first.path, p.second.path)) for f in r.findings for p in f.pairs}
        for r in (first, second)
    ]
    assert pairs[0] == pairs[1] == {frozenset((old[3], old[10]))}
