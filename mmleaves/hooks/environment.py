"""What a run ran on."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch
from mmengine.device import get_device

PACKAGES = (
    "mmleaves",
    "mmpretrain",
    "mmengine",
    "mmcv-lite",
    "torch",
    "torchvision",
    "numpy",
    "opencv-python",
)


def environment() -> dict[str, object]:
    """Return versions of Python and the packages, and what machine this is."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    device = get_device()
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
        "packages": packages,
    }
