"""Read checkpoints as data, never as code.

Importing this module replaces the readers for local files and URLs in MMEngine's
``CheckpointLoader``, which every way of loading goes through: ``--resume``,
``test.py``, ``load_from`` and ``init_cfg``.
"""

import hashlib
import os
import pickle
import re
import urllib.error
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import get_dist_info
from mmengine.runner import CheckpointLoader

MapLocation = str | torch.device | Callable | dict | None


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: MapLocation = None) -> dict:
    """Read a checkpoint file that holds tensors and plain types.

    Args:
        filename: Path of the file; ``~`` is expanded.
        map_location: As in `torch.load`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint, is damaged, or would have to run code.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}.")
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).split("WeightsUnpickler error: ")[-1].split("\n")[0]
        raise ValueError(
            f"{path} was not loaded: it holds Python objects besides tensors and plain "
            f"types, and reading those can run any code ({reason}). Expected a file "
            "with weights only, as mmleaves writes. If you trust where it comes from, "
            "save its `state_dict` again with the program that wrote it."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is not a readable checkpoint: "
            f"{error}. It is damaged, cut off or of another kind; take an earlier one."
        ) from error


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
        _download(filename, path)
    if world_size > 1:
        torch.distributed.barrier()
    check_sha256(path)
    return load_from_local(str(path), map_location)


def check_sha256(path: Path) -> None:
    """Compare a file with the digits of its sha256 in its name, if there are any.

    PyTorch and OpenMMLab name weights ``NAME-<first 8 digits of the sha256>.pth``.

    Raises:
        ValueError: If they differ.
    """
    digits = path.stem.rsplit("-", 1)[-1]
    if not re.fullmatch("[0-9a-f]{8}", digits):
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(digits):
        raise ValueError(
            f"{path} is not the file its name says: its sha256 begins with "
            f"{found[:8]}, expected {digits}. It was changed or not downloaded whole; "
            "delete it and start again."
        )


def _download(url: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path))
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"The pretrained weights {path.name} are not on this machine, and "
            f"{url} could not be downloaded ({error}). Put that file into {path.parent}"
            f"{os.sep}, or train without: --no-pretrained."
        ) from error
