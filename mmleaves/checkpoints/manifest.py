"""What a run's checkpoints held when they were written, to tell damage later."""

import functools
import hashlib
import json
import logging
from pathlib import Path

from mmleaves import exit_codes
from mmleaves.errors import RunError
from mmleaves.whole_files import write_whole

FILE = "checkpoints.json"


class DamagedCheckpointError(RunError, ValueError):
    """A checkpoint is cut off, changed, or none at all."""

    exit_code = exit_codes.NO_GOOD_CHECKPOINT


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def listed(folder: Path) -> list[dict]:
    """Return what is known of a folder's checkpoints, the oldest first.

    Returns:
        For each ``{"file": name, "bytes": size, "sha256": digits}``; nothing if the
        list is not there, or if it is not readable, which is said once in the log.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        _say_unreadable(path, error.strerror or str(error))
        return []
    try:
        return [_entry(given) for given in json.loads(content)["checkpoints"]]
    # Too many brackets are a RecursionError.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        _say_unreadable(path, f"{type(error).__name__}: {str(error)[:100]}")
        return []


def _entry(given: dict) -> dict:
    types = {"file": str, "bytes": int, "sha256": str}
    entry = {key: given[key] for key in types}
    for key, kind in types.items():
        if type(entry[key]) is not kind:
            raise TypeError(f"{key!r} is of type {type(entry[key]).__name__}")
    return entry


@functools.cache
def _say_unreadable(path: Path, why: str) -> None:
    # Deferred: who only asks for names need not wait for it.
    from mmengine.logging import print_log

    print_log(
        f"{path} cannot be read ({why}), expected the list of checkpoints that a "
        "training wrote. Whether one was changed since, cannot be told; the next that "
        "is saved begins the list anew.",
        "current",
        logging.WARNING,
    )


def enter(path: Path, size_bytes: int, sha256: str) -> None:
    """List a checkpoint that is about to get its name.

    A file of that name which is still there stays listed beside it, so that a kill in
    between leaves nothing that looks damaged.
    """
    there = {file.name for file in path.parent.iterdir()}
    entries = [entry for entry in listed(path.parent) if entry["file"] in there]
    same = [i for i, entry in enumerate(entries) if entry["file"] == path.name]
    # By place: two may be equal, and one of them has to stay.
    entries = [entry for i, entry in enumerate(entries) if i not in same[:-1]]
    entries.append({"file": path.name, "bytes": size_bytes, "sha256": sha256})
    text = json.dumps({"checkpoints": entries}, indent=1) + "\n"
    write_whole(path.with_name(FILE), lambda file: file.write_text(text))


def check_listed(path: Path) -> None:
    """Compare a checkpoint with what its folder's list says of it, if it does.

    Raises:
        DamagedCheckpointError: If it has another content than when it was written.
    """
    entries = [entry for entry in listed(path.parent) if entry["file"] == path.name]
    if not entries:
        return
    size = path.stat().st_size
    if any(entry["bytes"] == size for entry in entries):
        found = sha256_of(path)
        if any(entry["sha256"] == found for entry in entries):
            return
        what = f"its sha256 is {found[:16]}..., {entries[-1]['sha256'][:16]}..."
    else:
        what = f"it has {size:,} bytes, {entries[-1]['bytes']:,}"
    raise DamagedCheckpointError(
        f"{path} is damaged: {what} when it was written. Take an earlier one. If it "
        f"was changed on purpose, delete its lines in {path.with_name(FILE)}."
    )
