"""Which checkpoint a run goes on from."""

import re
from logging import Logger
from pathlib import Path

from mmleaves import exit_codes
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import (
    DamagedCheckpointError,
    listed,
)
from mmleaves.errors import RunError

# What a run leaves that is stopped within an epoch, until the epoch's own is there.
_STOPPED = "interrupted.pth"


class NothingToResumeError(RunError, FileNotFoundError):
    """There is no checkpoint."""

    exit_code = exit_codes.NO_GOOD_CHECKPOINT


def newest_checkpoint(
    work_dir: Path, logger: Logger, folder: Path | None = None
) -> Path:
    """Return the newest checkpoint of a run that can be read.

    That is the one that ``last_checkpoint`` names, by its name alone: the folder may
    have been moved or copied since. If it is not there or damaged, it is the last
    earlier one that is whole, and the log says so.

    Args:
        work_dir: The run's folder.
        logger: Of the run.
        folder: Where its checkpoints are, if not there.

    Raises:
        NothingToResumeError: If there is none.
        DamagedCheckpointError: If there are some, and none is readable; says why.
        UnsafeCheckpointError: If one that would be next can run code.
    """
    pointer = work_dir / "last_checkpoint"
    text = pointer.read_bytes().decode(errors="replace") if pointer.is_file() else ""
    named = Path(text.strip()).name
    written = [entry["file"] for entry in listed(folder or work_dir)]
    order = {name: i for i, name in enumerate(written)}
    folders = {work_dir, folder or work_dir}
    candidates = [path for place in folders for path in place.glob("*.pth")]
    candidates = [p for p in candidates if _step(p) >= 0 or p.name in (named, _STOPPED)]
    # The last written comes first, which after a resume from an earlier epoch need not
    # be the highest.
    candidates.sort(key=lambda p: (order.get(p.name, -1), _step(p)), reverse=True)
    candidates.sort(key=lambda p: p.name != named)
    if not candidates:
        raise NothingToResumeError(
            f"There is nothing to resume in {work_dir}: it holds no checkpoint, such "
            "as epoch_1.pth. To start from the beginning, leave out --resume."
        )
    wrong = []
    for path in candidates:
        try:
            load_from_local(str(path), "cpu")
        except DamagedCheckpointError as error:
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
    raise DamagedCheckpointError(
        f"None of the {len(wrong)} checkpoints in {work_dir} can be read. {wrong[0]} "
        "To start from the beginning, take another --work-dir and leave out --resume."
    )


def _step(path: Path) -> int:
    """Return the epoch or iteration that a checkpoint's name says, -1 for others."""
    found = re.fullmatch(r"(?:epoch|iter)_(\d+)", path.stem)
    return int(found[1]) if found else -1
