"""The file that names a run's newest checkpoint."""

import os
from pathlib import Path

from mmleaves.whole_files import write_whole

FILE = "last_checkpoint"
# No path is longer.
_LONGEST_BYTES = 4096


def write_pointer(work_dir: Path, checkpoint: Path) -> None:
    """Let a run's folder name a checkpoint as the newest.

    Raises:
        CannotWriteError: As `write_whole`.
    """
    # In bytes: a folder's name may be no text.
    content = os.fsencode(checkpoint)
    write_whole(work_dir / FILE, lambda file: file.write_bytes(content))


def named_file(work_dir: Path) -> str:
    """Return the name of the file that is named, without its folder; "" for none."""
    pointer = work_dir / FILE
    if not pointer.is_file():
        return ""
    with pointer.open("rb") as file:
        return Path(os.fsdecode(file.read(_LONGEST_BYTES)).strip()).name
