"""Files of weights from the network: fetched, and held against the sha256 they name."""

import hashlib
import os
import re
import urllib.error
from pathlib import Path

import torch


def download(url: str, path: Path) -> None:
    """Download a file of weights to ``path``.

    Raises:
        FileNotFoundError: If that fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path))
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"The pretrained weights {path.name} are not on this machine, and "
            f"{url} could not be downloaded ({error}). Put that file into {path.parent}"
            f"{os.sep}, or train without: --no-pretrained."
        ) from error


def check_sha256(path: Path) -> None:
    """Compare a file with the digits of its sha256 in its name, if there are any.

    PyTorch and OpenMMLab name weights ``NAME-<first 8 digits of the sha256>.pth``.

    Raises:
        ValueError: If they differ.
    """
    digits = path.stem.rsplit("-", 1)[-1]
    date = re.fullmatch(r"(19|20)\d{6}", digits)
    if date or not re.fullmatch("[0-9a-f]{8}", digits):
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(digits):
        raise ValueError(
            f"{path} is not the file its name says: its sha256 begins with "
            f"{found[:8]}, expected {digits}. It was changed or not downloaded whole; "
            "delete it and start again."
        )
