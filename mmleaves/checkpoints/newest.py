"""Which checkpoint a run goes on from."""

import os
import re
from logging import Logger
from pathlib import Path

from mmleaves.checkpoints.loading import load_from_local


def newest_checkpoint(folder: Path, logger: Logger) -> Path:
    """Return the newest checkpoint of a run that can be read.

    That is the one that ``last_checkpoint`` names, by its name alone: the folder may
    have been moved or copied since. If it is not there or damaged, it is the last
    earlier one that is whole, and the log says so.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are some, and none is readable; says why of each.
    """
    pointer = folder / "last_checkpoint"
    text = os.fsdecode(pointer.read_bytes()) if pointer.is_file() else ""
    named = Path(text.strip()).name
    candidates = sorted(folder.glob("*.pth"), key=_step, reverse=True)
    candidates = [p for p in candidates if _step(p) >= 0 or p.name == named]
    if named:
        candidates.sort(key=lambda path: path.name != named)
    if not candidates:
        raise FileNotFoundError(
            f"There is nothing to resume in {folder}: it holds no checkpoint, such as "
            "epoch_1.pth. To start from the beginning, leave out --resume."
        )
    wrong = []
    for path in candidates:
        try:
            load_from_local(str(path), "cpu")
        except ValueError as error:
            wrong.append(str(error))
            logger.warning(f"Left out: {error}")
            continue
        if path.name != named:
            found = f"names {named!r}" if named else "is empty or not there"
            logger.warning(
                f"{pointer} {found}; the run goes on from {path.name}, the newest that "
                "is whole."
            )
        return path
    raise ValueError(
        f"None of the {len(wrong)} checkpoints in {folder} can be read. {wrong[0]} To "
        "start from the beginning, take another --work-dir and leave out --resume."
    )


def _step(path: Path) -> int:
    """Return the epoch or iteration that a checkpoint's name says, -1 for others."""
    found = re.fullmatch(r"(?:epoch|iter)_(\d+)", path.stem)
    return int(found[1]) if found else -1
