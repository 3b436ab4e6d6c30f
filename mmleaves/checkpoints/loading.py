"""Read checkpoints as data, never as code.

Importing this module replaces all readers in MMEngine's ``CheckpointLoader``, which
every way of loading goes through: ``--resume``, ``test.py``, ``load_from`` and
``init_cfg``. Those for local files and URLs read data only; those for model zoos and
object stores would run code, and refuse. A file that the user vouches for by its
sha256, in ``MMLEAVES_TRUST`` or by ``--trust``, is read whatever it does.
"""

import errno
import hashlib
import io
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from mmleaves import exit_codes
from mmleaves.checkpoints import trusted
from mmleaves.checkpoints.contents import check_contents, classes_of
from mmleaves.checkpoints.downloads import check_sha256, download
from mmleaves.checkpoints.manifest import DamagedCheckpointError, check_listed
from mmleaves.checkpoints.stock import STAND_INS, from_stand_ins
from mmleaves.errors import CannotReadError, RunError

# What torch says of a file that names more than data, among what it says of damage.
_NAMES_MORE = re.compile(
    "(?i)unsupported (global|class)|is blocked|unrecognized function|must be imported"
    "|can only (create|build)|getattr of|class of its own|not one of plain data"
    r"|legacy \.tar format"
)
# What torch says around its reason: how to read the file all the same, by its code.
_ADVICE = re.compile(
    r"(?s).*WeightsUnpickler error:|Weights only load failed\.?"
    r"|In PyTorch 2\.6, we changed.*?trusted source\."
    r"|Please (use|file).*|Check the documentation of.*"
    r"| or (classes|types) allowlisted via `add_safe_globals`,?"
)
_NO_MEMORY = re.compile("(?i)(can't|cannot) allocate memory|out of memory")
# What a disk or network says that does not answer.
_OF_THE_SYSTEM = {
    getattr(errno, name, None)
    for name in (
        "EIO",
        "ESTALE",
        "ENOMEM",
        "ETIMEDOUT",
        "EREMOTEIO",
        "EMFILE",
        "ENFILE",
    )
} - {None}
_IS_PICKLE = (b"\x80", b"PK")

MapLocation = str | torch.device | Callable | dict | None


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(
    filename: str, map_location: MapLocation = None, *, mmap: bool = False
) -> dict:
    """Read a checkpoint file as data: tensors, plain types, histories, NumPy's numbers.

    Args:
        filename: Path of the file; ``~`` is expanded. A ``*`` in the file's name stands
            for anything, as for the epoch of the best weights.
        map_location: As in `torch.load`.
        mmap: Leave tensors in the file, which must stay as it is, until they are used.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If it is not a checkpoint, or is damaged.
        UnsafeCheckpointError: If it would have to run code.
        CannotReadError: If memory or the disk fails.
        ValueError: If several files fit the name.
    """
    path = _only_file(Path(filename).expanduser())
    if not path.is_file():
        there = sorted(file.name for file in path.parent.glob("*.pth"))
        raise FileNotFoundError(
            f"There is no checkpoint {path}; its folder holds "
            f"{', '.join(there) or 'none'}. Name one of those, or train first."
        )
    check_listed(path)
    try:
        with torch.serialization.safe_globals(STAND_INS), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            _refuse_program(path)
            _check_sizes(path)
            checkpoint = torch.load(
                path, map_location=map_location, weights_only=True, mmap=mmap
            )
        checkpoint = from_stand_ins(checkpoint)
    except UnsafeCheckpointError:
        raise
    except Exception as error:  # damaged bytes can make a reader fail in any way
        if _is_of_machine(path, error):
            raise CannotReadError(
                f"{path} could not be read: {_reason(error) or 'not enough memory'}. "
                "It may well be whole: look at the machine's memory and at the disk, "
                "and start again."
            ) from error
        if not _names_more_than_data(path, error):
            raise _damaged(path, error) from error
        checkpoint = _read_trusted(path, map_location, error)
    check_contents(path, checkpoint)
    # Some programs write them without anything.
    empty = [key for key in ("meta", "message_hub") if checkpoint.get(key, 0) is None]
    return {key: value for key, value in checkpoint.items() if key not in empty}


def _records(path: Path) -> list[zipfile.ZipInfo]:
    """Return what a file holds as an archive, nothing if it begins as none.

    Raises:
        zipfile.BadZipFile: If it begins as one and is none.
    """
    if _begins(path) != b"PK\x03\x04":  # as torch tells them apart
        return []
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _check_sizes(path: Path) -> None:
    """Make sure that a file takes no more memory than its own size.

    Raises:
        ValueError: If a record of it is compressed, or there are more bytes in all.
        zipfile.BadZipFile: If it begins as an archive and is none.
    """
    records = _records(path)
    for record in records:
        if record.compress_type != zipfile.ZIP_STORED:
            raise ValueError(
                f"its record {record.filename!r} is compressed, to {record.file_size:,}"
                " bytes once it is read, and torch compresses none"
            )
    announced = sum(record.file_size for record in records)
    if announced > path.stat().st_size:
        raise ValueError(f"its records are {announced:,} bytes, more than the file has")


class UnsafeCheckpointError(RunError, ValueError):
    """A file can only be read by running code that it brings."""

    exit_code = exit_codes.FOREIGN_PICKLE


def _refuse_program(path: Path) -> None:
    """Refuse what `torch.jit.save` writes, whoever vouches for it.

    Raises:
        UnsafeCheckpointError: If it is such a file.
    """
    # As torch tells it.
    if any(record.filename.endswith("/constants.pkl") for record in _records(path)):
        raise UnsafeCheckpointError(
            f"{path} was not loaded: it is a TorchScript program, not weights, and "
            "reading it can run any code. Expected a file with weights only, as "
            "mmleaves, MMEngine and torchvision write. If you know who made it, write "
            "one yourself: torch.save(torch.jit.load(FILE).state_dict(), NEW)."
        )


def _is_of_machine(path: Path, error: Exception) -> bool:
    """Return whether it is the machine that lacks something, not the file."""
    if isinstance(error, OSError):
        return error.errno in _OF_THE_SYSTEM
    lacks_memory = isinstance(error, MemoryError) or _NO_MEMORY.search(str(error))
    # Such a file announces no more than it has, see `_check_sizes`; of others, damaged
    # bytes may say how much memory they want.
    return bool(lacks_memory) and _begins(path) == b"PK\x03\x04"


def _names_more_than_data(path: Path, error: Exception) -> bool:
    if _NAMES_MORE.search(str(error)):
        return True
    # Pickles of another protocol than torch's: of objects, not of weights.
    with path.open("rb") as file:
        is_pickle = file.read(2).startswith(_IS_PICKLE)
    return is_pickle and "Unsupported operand" in str(error)


def _read_trusted(path: Path, map_location: MapLocation, error: Exception) -> object:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 not in os.environ.get(trusted.VARIABLE, "").lower().split(","):
        holds = "holds Python objects besides tensors and plain types"
        why = f" ({_reason(error)})"
        if "legacy .tar format" in str(error):
            holds = "is a tar archive, as the first versions of PyTorch wrote them"
            why = ""
        raise UnsafeCheckpointError(
            f"{path} was not loaded: it {holds}, and reading those can run any code"
            f"{why}. Expected a "
            "file with weights only, as mmleaves, MMEngine and torchvision write. Save "
            "its `state_dict` again with the program that wrote it; or, if you know "
            f"who made it and let its code run here, add --trust {sha256}"
        ) from error
    print_log(
        f"{path} is trusted by its sha256: its objects are built, and code in it runs.",
        "current",
        logging.WARNING,
    )
    # From what was hashed, as the file may change.
    try:
        return torch.load(io.BytesIO(content), map_location, weights_only=False)
    except Exception as wrong:  # its code can fail in any way
        raise _damaged(path, wrong) from wrong


def _reason(error: Exception) -> str:
    said = " ".join(_ADVICE.sub(" ", str(error)).split())
    return said.rstrip(". ")


def _damaged(path: Path, error: Exception) -> DamagedCheckpointError:
    return DamagedCheckpointError(
        f"{path} ({path.stat().st_size} bytes) is not a readable checkpoint: "
        f"{_reason(error) or type(error).__name__}. It is damaged, cut off or of "
        "another kind; take an earlier one."
    )


def _only_file(path: Path) -> Path:
    """Return the file that fits a name with ``*``; the name itself if none does."""
    if "*" not in path.name or path.is_file():
        return path
    fitting = sorted(path.parent.glob(path.name))
    if len(fitting) > 1:
        raise ValueError(
            f"{path} fits {len(fitting)} files: "
            f"{', '.join(file.name for file in fitting)}. Expected one; delete the "
            "others, or name the one that is meant."
        )
    return fitting[0] if fitting else path


def checkpoint_classes(filename: str) -> tuple[str, ...] | None:
    """Return the names of the classes a checkpoint was trained on, None if unsaid.

    Raises:
        FileNotFoundError: As in `load_from_local`.
        ValueError: As there.
    """
    return classes_of(filename, load_from_local(filename, "cpu"))


@CheckpointLoader.register_scheme(prefixes=("http://", "https://"), force=True)
def load_from_url(filename: str, map_location: MapLocation = None) -> dict:
    """Read weights from a URL, once downloaded from a file in PyTorch's cache.

    Raises:
        FileNotFoundError: If they are not there and cannot be downloaded.
        ValueError: As in `load_from_local`.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(filename).path).name)
    rank, world_size = get_dist_info()
    if rank == 0 and not path.is_file():
        download(filename, path)
    if world_size > 1:
        torch.distributed.barrier()
    check_sha256(path)
    return load_from_local(str(path), map_location)


@CheckpointLoader.register_scheme(
    prefixes=list(CheckpointLoader._schemes.keys() - {"", "http://", "https://"}),
    force=True,
)
def load_from_elsewhere(filename: str, map_location: MapLocation = None) -> dict:
    """Refuse what MMEngine reads by ways that can run code.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"{filename} was not loaded: MMEngine reads "
        f"{filename.partition('://')[0]}:// in a way that can run code from the file. "
        "Give the URL of the file, https://..., or download it and give its path."
    )
