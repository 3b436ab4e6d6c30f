"""Versions that clash and machines that are too small are named, with what to do."""

import json
import shutil

import pytest
from tool_runs import check, run_tool

from mmleaves.doctor.machine import (
    check_disk,
    check_shared_memory,
    check_threads,
    check_workers,
)
from mmleaves.doctor.versions import check_versions, installed_versions

SOUND = {
    "torch": "2.14.1+cpu",
    "torchvision": "0.29.1",
    "numpy": "2.4.6",
    "setuptools": "80.10.2",
    "pkg_resources": "there",
    "mmengine": "0.10.7",
    "mmcv-lite": "2.2.0",
    "mmpretrain": "1.2.0",
    "opencv-python": "5.0.0",
}
FORK = {
    "mmengine": None,
    "mmcv-lite": None,
    "mmpretrain": None,
    "onedl-mmengine": "0.10.12",
    "onedl-mmcv": "2.3.6",
    "onedl-mmpretrain": "1.3.6",
}
# What is installed otherwise, and what is said of it.
CLASHES = {
    "torchvision of another torch": (
        {"torchvision": "0.21.0"},
        "found beside torch 2.14.1+cpu, expected 0.29",
        "pip install torchvision==0.29.*",
    ),
    "no torchvision": ({"torchvision": None}, "is not installed", "==0.29.*"),
    "no torch": ({"torch": None}, "is not installed", "pip install torch"),
    "a torch that can be tricked": (
        {"torch": "2.5.1", "torchvision": "0.20.1"},
        "CVE-2025-32434",
        "'torch>=2.6'",
    ),
    "mmcv and mmcv-lite": (
        {"mmcv": "2.2.0"},
        "found together",
        "pip install mmcv-lite",
    ),
    "mmcv of 0.x": (
        {"mmcv-lite": None, "mmcv-full": "1.7.2"},
        "expected 2.0 to 2.3",
        "'mmcv-lite>=2.2,<2.4'",
    ),
    "no mmcv": ({"mmcv-lite": None}, "is not installed", "'mmcv-lite>=2.2,<2.4'"),
    "an engine over the other": (
        {"onedl-mmengine": "0.10.12"},
        "both write the same folder",
        "pip uninstall -y mmengine onedl-mmengine",
    ),
    "setuptools without pkg_resources": (
        {"setuptools": "84.0.0", "pkg_resources": None},
        "lack pkg_resources",
        "'setuptools<81'",
    ),
    "MMClassification": ({"mmcls": "0.25.0"}, "it is MMPretrain now", "mmcls"),
    "an old numpy": ({"numpy": "1.24.4"}, "1.26 or later", "'numpy>=1.26'"),
}


def changed(changes):
    versions = SOUND | changes
    return {name: number for name, number in versions.items() if number is not None}


def test_what_is_installed_here_and_the_fork_do_not_clash():
    assert list(check_versions(installed_versions())) == []
    assert list(check_versions(SOUND)) == []
    assert list(check_versions(changed(FORK))) == []
    oldest = {"torch": "2.6.0", "torchvision": "0.21.0"}
    assert list(check_versions(changed(oldest))) == []


@pytest.mark.parametrize("clash", CLASHES)
def test_versions_that_clash_are_named_with_what_to_install(clash):
    changes, text, line = CLASHES[clash]
    (finding,) = check_versions(changed(changes))
    assert text in finding.text
    assert line in finding.line
    assert finding.severity == ("warning" if "mmcls" in changes else "error")


def test_threads_workers_and_memory_that_are_not_there(tmp_path):
    assert not list(check_threads(None, 2)) + list(check_threads("2", 2))
    assert not list(check_threads("2,1", 2))
    assert [f.severity for f in check_threads("0", 2)] == ["error"]
    assert [f.line for f in check_threads("64", 2)] == ["export OMP_NUM_THREADS=2"]
    assert not list(check_workers(2, 1)) + list(check_workers(4, 4))
    assert "expected at most 4" in next(check_workers(16, 4)).text
    (bus_error,) = check_shared_memory(80_000_000, 67_108_864)  # Docker gives 64 MiB
    assert "--shm-size" in bus_error.text
    assert not list(check_shared_memory(20_000_000, 67_108_864))
    free = shutil.disk_usage(tmp_path).free
    assert not list(check_disk(tmp_path / "not" / "yet", 1000, "checkpoints"))
    (full,) = check_disk(tmp_path / "not" / "yet", 2 * free, "checkpoints")
    assert f"expected {2 * free / 1e9:.1f} GB for checkpoints" in full.text


def test_the_command_looks_at_the_environment_alone():
    """In a process of its own, as nothing of the stack may be imported before."""
    done = check(run_tool("doctor", "--json"))
    told = json.loads(done.stdout)
    assert (told["findings"], told["config"]) == ([], None)
    assert told["versions"]["torch"] == installed_versions()["torch"]
    assert told["machine"]["cores"] >= 1
