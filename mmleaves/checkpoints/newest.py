"""Which checkpoint a run goes on from."""

import re
from logging import Logger
from pathlib import Path

from mmengine.runner import CheckpointLoader

from mmleaves import exit_codes
from mmleaves.checkpoints.contents import NotResumableError, check_resumable
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import DamagedCheckpointError, listed
from mmleaves.checkpoints.pointer import FILE as POINTER
from mmleaves.checkpoints.pointer import named_file
from mmleaves.errors import RunError
from mmleaves.names_as_text import shown

# What a run leaves that is stopped within an epoch, until the epoch's own is there.
INTERRUPTED = "interrupted.pth"


class NothingToResumeError(RunError, FileNotFoundError):
    """There is no checkpoint."""

    exit_code = exit_codes.NO_GOOD_CHECKPOINT


def newest_checkpoint(
    work_dir: Path, logger: Logger, folder: Path | None = None
) -> Path:
    """Return the newest checkpoint of a run that can be read.

    That is the one that ``last_checkpoint`` names, by its name alone: the folder may
    have been moved or copied since. If that is not there, damaged, or has weights alone
    as a best file does, it is the last earlier one that is whole, and the log says so.

    Args:
        work_dir: The run's folder.
        logger: Of the run.
        folder: Where its checkpoints are, if not there.

    Raises:
        NothingToResumeError: If there is none.
        DamagedCheckpointError: If there are some, and none can be resumed; says why.
        UnsafeCheckpointError: If one that would be next can run code.
    """
    named = named_file(work_dir)
    written = [entry["file"] for entry in listed(folder or work_dir)]
    order = {name: i for i, name in enumerate(written)}
    folders = {work_dir, folder or work_dir}
    candidates = [path for place in folders for path in place.glob("*.pth")]
    candidates = [
        p for p in candidates if _step(p) >= 0 or p.name in (named, INTERRUPTED)
    ]
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
            check_resumable(path, load_from_local(str(path), "cpu"))
        except (DamagedCheckpointError, NotResumableError) as error:
            wrong.append(str(error))
            logger.warning(f"Left out: {error}")
            continue
        if path.name != named:
            found = f"names {shown(named)}" if named else "is empty or not there"
            logger.warning(
                f"{work_dir / POINTER} {found}; the run goes on from {path.name}, the "
                "newest that is whole."
            )
        return path
    raise DamagedCheckpointError(
        f"None of the {len(wrong)} checkpoints in {work_dir} can be resumed. {wrong[0]}"
        " To start from the beginning, take another --work-dir and leave out --resume."
    )


def check_named(filename: str) -> None:
    """Make sure that a run can go on from the checkpoint that the user names.

    Raises:
        NotResumableError: If it has the weights alone, as the best one does.
        ValueError: As `load_from_local`, and if it holds what no run saves.
    """
    checkpoint = CheckpointLoader.load_checkpoint(filename, "cpu")
    check_resumable(filename, checkpoint)


def _step(path: Path) -> int:
    """Return the epoch or iteration that a checkpoint's name says, -1 for others."""
    found = re.fullmatch(r"(?:epoch|iter)_(\d+)", path.stem)
    return int(found[1]) if found else -1
