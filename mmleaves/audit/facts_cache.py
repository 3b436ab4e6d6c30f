"""Facts of images kept from one audit to the next, in one file."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import PIL

from mmleaves.audit.image_facts import THUMBNAIL_PX, ImageFacts

# Raise it when the facts, the search for near-duplicates or the cues change.
VERSION = 4
# A file changed after it was read may keep its time stamp if the clock that stamps it
# is as coarse as FAT's, 2 s: what is younger is not kept. Git does so for its index.
FRESH_S = 3
KEPT_DAYS = 90
Found = TypeVar("Found")

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, stamp TEXT NOT NULL, content BLOB NOT NULL,
    used REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (
    content BLOB PRIMARY KEY, pixels BLOB NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, form TEXT NOT NULL, thumbnail BLOB NOT NULL,
    used REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS results (
    key BLOB PRIMARY KEY, value TEXT NOT NULL, used REAL NOT NULL
);
"""


def cache_folder() -> Path:
    """Return where the cache lies unless told: ``~/.cache/mmleaves``, as XDG has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mmleaves")


def open_cache(tell: Callable[[str], None]) -> "FactsCache | None":
    """Return the cache of `cache_folder`, or tell why there is none."""
    try:
        return FactsCache(cache_folder())
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        tell(f"Nothing is kept for the next time: {error}")
        return None


def look_with_cache(
    look: Callable[["FactsCache | None"], Found], tell: Callable[[str], None]
) -> Found:
    """Return what ``look`` finds with the cache of `cache_folder`.

    One that is full or locked keeps nobody from looking: it is told, and ``look`` is
    called once more, with None.
    """
    cache = open_cache(tell)
    try:
        return look(cache)
    except OSError as error:
        if cache is None:
            raise
        tell(f"Nothing is kept for the next time: {error}")
        return look(None)


def stamp(stat: os.stat_result) -> str:
    """Return what changes whenever a file does.

    The time of the last change of the inode is part of it, which no program can set
    back: a file that was replaced under an old date is noticed.
    """
    return (
        f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} "
        f"{stat.st_ino} {stat.st_dev}"
    )


def is_fresh(stat: os.stat_result, read_s: float) -> bool:
    """Return whether a file was so young that a change since may leave its stamp."""
    return max(stat.st_mtime, stat.st_ctime) > read_s - FRESH_S


class FactsCache:
    """Facts of images by path and stamp, and results by key, in one SQLite file.

    Several processes may use it at once: SQLite locks it, every write is one
    transaction, and what two of them know of one content is the same. What was not
    asked for in 90 days is dropped. Facts depend on the decoders, so each version of
    OpenCV and Pillow has a file of its own.

    Args:
        folder: Folder for the file, made if need be.

    Raises:
        OSError: If the folder cannot be made or the file not be opened.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        versions = f"{VERSION}-cv{cv2.__version__}-pil{PIL.__version__}"
        self.path = folder / f"audit-{versions}.sqlite"
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _unusable(self.path, error) from error
            print(
                f"{self.path}: found a damaged cache ({error}); it is made anew.",
                file=sys.stderr,
            )
            self.path.unlink(missing_ok=True)  # Another process may have been first.
            self._prepare()

    def facts(self, paths: Iterable[str]) -> dict[str, ImageFacts]:
        """Return the facts of those ``paths`` that are known and have not changed."""
        found = {}
        now = time.time()
        with self._open() as db:
            query = (
                "SELECT f.stamp, i.content, i.pixels, i.width_px, i.height_px, i.form, "
                "i.thumbnail FROM files f JOIN images i USING (content) WHERE f.path=?"
            )
            for path in paths:
                row = db.execute(query, [_key(path)]).fetchone()
                try:
                    if row and row[0] == stamp(os.stat(path)):  # noqa: PTH116, faster
                        found[path] = ImageFacts(*row[1:6], _thumbnail(row[6]))
                except OSError:
                    continue  # No longer there: reading it will say so.
            used = [(now, _key(path)) for path in found]
            db.executemany("UPDATE files SET used=? WHERE path=?", used)
            used = [(now, facts.content) for facts in found.values()]
            db.executemany("UPDATE images SET used=? WHERE content=?", used)
        return found

    def keep(
        self, read: Sequence[tuple[str, os.stat_result, ImageFacts]], read_s: float
    ) -> None:
        """Keep facts by path.

        Args:
            read: Path, state of the file from before it was read, and its facts.
            read_s: Time before the first of them was read, in seconds since 1970.
        """
        now = time.time()
        old = [(path, stat, f) for path, stat, f in read if not is_fresh(stat, read_s)]
        files = [(_key(p), stamp(stat), f.content, now) for p, stat, f in old]
        images = [
            (f.content, f.pixels, f.width_px, f.height_px, f.form,
             f.thumbnail.tobytes(), now)
            for _, _, f in old
        ]  # fmt: skip
        with self._open() as db:
            db.executemany(
                "INSERT OR REPLACE INTO images VALUES (?,?,?,?,?,?,?)", images
            )
            db.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?)", files)

    def result(self, key: bytes) -> str | None:
        """Return what `keep_result` was given for ``key``, or None."""
        with self._open() as db:
            row = db.execute("SELECT value FROM results WHERE key=?", [key]).fetchone()
            db.execute("UPDATE results SET used=? WHERE key=?", [time.time(), key])
        return row and row[0]

    def keep_result(self, key: bytes, value: str) -> None:
        """Keep a text that was computed from what ``key`` is a hash of."""
        with self._open() as db:
            row = [key, value, time.time()]
            db.execute("INSERT OR REPLACE INTO results VALUES (?,?,?)", row)

    def _prepare(self) -> None:
        before = time.time() - KEPT_DAYS * 24 * 3600
        for other in self.path.parent.glob("audit-*.sqlite"):  # of other versions
            if other != self.path and other.stat().st_mtime < before:
                other.unlink(missing_ok=True)
        with closing(self._connect()) as db, db:
            db.executescript(SCHEMA)
            for table in ("files", "images", "results"):
                db.execute(f"DELETE FROM {table} WHERE used < ?", [before])

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection; what is written becomes visible at once or not at all."""
        try:
            with closing(self._connect()) as db, db:
                yield db
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> OSError:
    return OSError(
        f"{path}: the audit's cache cannot be used ({error}), expected a file that can "
        "be read and written. Delete it, or name another folder: by XDG_CACHE_HOME, or "
        "for `check` by --cache-dir."
    )


def _key(path: str) -> bytes:
    return os.fsencode(os.path.realpath(path))


def _thumbnail(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(THUMBNAIL_PX, THUMBNAIL_PX, 3)
