"""What an earlier training left in a folder, which another must not overwrite."""

from collections.abc import Iterable
from pathlib import Path

from mmleaves.checkpoints.manifest import FILE as LIST
from mmleaves.checkpoints.manifest import listed
from mmleaves.checkpoints.newest import INTERRUPTED
from mmleaves.checkpoints.pointer import FILE as POINTER
from mmleaves.whole_files import CannotWriteError


def refuse_to_overwrite(folders: Iterable[Path]) -> None:
    """Make sure that a training which starts anew replaces nothing.

    Raises:
        FileExistsError: If one of the folders holds checkpoints.
    """
    if earlier := earlier_file(folders):
        raise FileExistsError(
            f"{earlier.parent} holds the checkpoints of an earlier run, such as "
            f"{earlier.name}, which this one would overwrite. To go on with it: "
            "--resume. To keep both: --work-dir FOLDER. To start it over: delete "
            "the folder first."
        )


def refuse_folders_for_files(work_dir: Path, folder: Path) -> None:
    """Make sure that what each save writes can be written.

    Args:
        work_dir: The run's folder.
        folder: Where its checkpoints go.

    Raises:
        CannotWriteError: If a folder has the name of one of these files.
    """
    for path in (work_dir / POINTER, folder / LIST):
        if path.is_dir():
            raise CannotWriteError(
                f"{path} is a folder, expected a file or nothing: the training writes "
                "one there with each checkpoint. Move it away, or take another folder: "
                "--work-dir FOLDER."
            )


def earlier_file(folders: Iterable[Path]) -> Path | None:
    """Return something that an earlier training left and this one could overwrite."""
    for folder in folders:
        found = [folder / POINTER, folder / INTERRUPTED]
        found = [path for path in found if path.is_file()]
        found += [p for kind in ("epoch", "iter") for p in folder.glob(f"{kind}_*.pth")]
        best = [*folder.glob("best_*.pth")]
        written = {entry["file"] for entry in listed(folder)}
        # A run that was killed within its first save leaves a best one with nothing to
        # go on from. It has listed, at most, the one that was to come next.
        if written and sum(not name.startswith("best_") for name in written) <= 1:
            best = []
        if found or best:
            return min(found or best)
    return None
