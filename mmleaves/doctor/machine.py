"""Whether the machine has what a run needs: cores, shared memory, disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from mmleaves.doctor.finding import Finding
from mmleaves.machine_cores import cores

SHARED_MEMORY = Path("/dev/shm")
GB = 10**9


def machine_facts() -> dict[str, object]:
    """Return cores, threads, and free shared memory and disk, in 10^9 bytes."""
    facts: dict[str, object] = {"cores": cores()}
    if given := os.environ.get("OMP_NUM_THREADS"):
        facts["OMP_NUM_THREADS"] = given
    if SHARED_MEMORY.is_dir():
        facts["shared_memory_gb"] = round(_free(SHARED_MEMORY) / GB, 2)
    facts["disk_gb"] = round(_free(Path.cwd()) / GB, 1)
    return facts


def check_threads(given: str | None, n_cores: int) -> Iterator[Finding]:
    """Yield what is wrong with ``OMP_NUM_THREADS``, if anything is."""
    if given is None:
        return
    # OpenMP takes a list as well, a number for each level of nesting.
    outer = given.partition(",")[0]
    if not outer.isdecimal() or int(outer) < 1:
        yield Finding(
            "error",
            "threads",
            f"OMP_NUM_THREADS={given}",
            f"expected a whole number from 1 to {n_cores}.",
            f"export OMP_NUM_THREADS={n_cores}",
        )
    elif int(outer) > n_cores:
        yield Finding(
            "warning",
            "threads",
            f"OMP_NUM_THREADS={given}",
            f"expected at most {n_cores}, the cores of this process: more threads wait "
            "for each other.",
            f"export OMP_NUM_THREADS={n_cores}",
        )


def check_workers(workers: int, n_cores: int) -> Iterator[Finding]:
    """Yield whether more workers read images than there are cores."""
    if workers > max(n_cores, 2):
        yield Finding(
            "warning",
            "workers",
            "train_dataloader.num_workers",
            f"found {workers}, expected at most {n_cores}, the cores of this process.",
            f"train_dataloader = dict(num_workers={n_cores})",
        )


def check_shared_memory(needed_bytes: int, free_bytes: int) -> Iterator[Finding]:
    """Yield whether the batches that workers hand over do not fit."""
    if needed_bytes > free_bytes:
        yield Finding(
            "error",
            "shared-memory",
            str(SHARED_MEMORY),
            f"found {free_bytes / 1e6:.0f} MB free, expected {needed_bytes / 1e6:.0f} "
            "MB for the batches that workers prepare: they die of it (Bus error). In "
            "Docker: --shm-size=2g.",
            "train_dataloader = dict(num_workers=0, persistent_workers=False)",
        )


def check_disk(folder: Path, needed_bytes: int, what: str) -> Iterator[Finding]:
    """Yield whether ``folder``, or where it will be made, is too full."""
    free = _free(folder)
    if needed_bytes > free:
        yield Finding(
            "error",
            "disk",
            "work_dir",
            f"{folder}: found {free / GB:.1f} GB free, expected "
            f"{needed_bytes / GB:.1f} GB for {what}. Make room, or write elsewhere: "
            "--work-dir FOLDER.",
            "default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))",
        )


def _free(folder: Path) -> int:
    folder = folder.resolve()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
