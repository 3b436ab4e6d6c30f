"""Whether the installed versions go together."""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from mmleaves.doctor.finding import Finding

# Packages that lay other files over the same modules.
SAME_MODULES = (
    ("mmcv", "mmcv-lite", "mmcv-full", "onedl-mmcv"),
    ("mmengine", "mmengine-lite", "onedl-mmengine"),
    ("mmpretrain", "onedl-mmpretrain"),
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
)
LOOKED_FOR = (
    *("torch", "torchvision", "numpy", "setuptools", "pkg_resources", "mmcls"),
    *(name for names in SAME_MODULES for name in names),
)
# mmcv 2.0 to 2.3, as MMPretrain 1.2 asserts at import.
MMCV_RANGE = ((2, 0), (2, 4))
OLDEST_TORCH = (2, 6)


def installed_versions() -> dict[str, str]:
    """Return the versions of those of `LOOKED_FOR` that are installed."""
    found = {}
    for name in LOOKED_FOR:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if find_spec("pkg_resources") is not None:
        found["pkg_resources"] = "there"
    return found


def check_versions(versions: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what clashes in ``versions``, by package, without importing any."""
    torch, vision = versions.get("torch"), versions.get("torchvision")
    if torch is None:
        yield _error("torch", "is not installed.", "pip install torch torchvision")
    elif _numbers(torch) < OLDEST_TORCH:
        yield _error(
            f"torch {torch}",
            "found, expected 2.6 or later: before, reading a checkpoint as data can "
            "run code from it (CVE-2025-32434).",
            "pip install 'torch>=2.6' torchvision",
        )
    if torch is not None:
        # torchvision 0.N+15 is built against torch 2.N, and loads with no other.
        major, minor = _numbers(torch)
        expected = f"0.{minor + 15}"
        if vision is None:
            yield _error(
                "torchvision",
                "is not installed.",
                f"pip install torchvision=={expected}.*",
            )
        elif major == 2 and _numbers(vision) != (0, minor + 15):
            yield _error(
                f"torchvision {vision}",
                f"found beside torch {torch}, expected {expected}: another one fails "
                "at import (operator torchvision::nms does not exist).",
                f"pip install torchvision=={expected}.*",
            )
    for names in SAME_MODULES:
        there = [name for name in names if name in versions]
        if len(there) > 1:
            keep = "mmcv-lite" if "mmcv-lite" in there else there[0]
            yield Finding(
                "warning" if "opencv-python" in names else "error",
                "versions",
                " and ".join(f"{name} {versions[name]}" for name in there),
                "found together, expected one: both write the same folder, and what is "
                "imported is a mixture.",
                f"pip uninstall -y {' '.join(there)} && pip install {keep}",
            )
        if not there and "opencv-python" not in names:
            yield _error(names[0], "is not installed.", f"pip install {_usual(names)}")
    for name in ("mmcv", "mmcv-lite", "mmcv-full", "onedl-mmcv"):
        found = versions.get(name)
        if found and not MMCV_RANGE[0] <= _numbers(found) < MMCV_RANGE[1]:
            yield _error(
                f"{name} {found}",
                "found, expected 2.0 to 2.3, which MMPretrain 1.x asks for at import.",
                f"pip uninstall -y {name} && pip install 'mmcv-lite>=2.2,<2.4'",
            )
    if "mmcls" in versions:
        yield Finding(
            "warning",
            "versions",
            f"mmcls {versions['mmcls']}",
            "found: it is MMPretrain now, and 0.x of it needs another mmcv.",
            "pip uninstall -y mmcls",
        )
    setuptools = versions.get("setuptools", "none")
    if "pkg_resources" not in versions:
        yield _error(
            f"setuptools {setuptools}",
            "found, expected one below 81: later ones lack pkg_resources, without "
            "which MMEngine 0.10.7 finds no `mmpretrain::` config.",
            "pip install 'setuptools<81'",
        )
    numpy = versions.get("numpy")
    if numpy is not None and _numbers(numpy) < (1, 26):
        yield _error(
            f"numpy {numpy}",
            "found, expected 1.26 or later.",
            "pip install 'numpy>=1.26'",
        )


def _usual(names: tuple[str, ...]) -> str:
    return "'mmcv-lite>=2.2,<2.4'" if "mmcv-lite" in names else names[0]


def _error(where: str, text: str, line: str) -> Finding:
    return Finding("error", "versions", where, text, line)


def _numbers(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version, such as of ``2.13.0+cpu``."""
    found = [int(number) for number in re.findall(r"\d+", text.split("+")[0])]
    major, minor, *_ = [*found, 0, 0]
    return major, minor
