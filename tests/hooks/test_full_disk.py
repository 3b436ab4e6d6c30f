"""Where nothing more can be written, what was there stays, and the message says so."""

import os
import resource
import shutil
import subprocess

import pytest
from forked_runs import outcome, said, train_again, wait, write_run

from mmleaves.crash_points import CRASH_AT


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Config, an unbroken run's outcome, and a run's folder with two epochs done."""
    folder = tmp_path_factory.mktemp("full")
    config = write_run(folder)
    assert wait(train_again(config, folder / "whole", log=folder / "log")) == 0
    there = {CRASH_AT: "epoch_2.pth alone"}
    code = wait(train_again(config, folder / "two", log=folder / "log", env=there))
    assert code == 137
    return config, outcome(folder / "whole"), folder / "two"


def test_a_checkpoint_that_is_too_large_leaves_the_old_ones(runs, tmp_path):
    config, expected, two = runs
    work, log = tmp_path / "work", tmp_path / "log"
    # Without its log, in which a run of the same second would go on, past the limit.
    shutil.copytree(two, work, ignore=shutil.ignore_patterns("20*_*"))
    before = {path: path.read_bytes() for path in work.glob("*.pth")}
    size = before[work / "best_progress_epoch_2.pth"]

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(size) // 2,) * 2)

    assert wait(train_again(config, work, log=log, before=limit_files)) == 74
    text = said(log)
    assert "It needs " in text, text
    needed = int(text.split("It needs ")[1].split(" bytes")[0].replace(",", ""))
    assert len(size) // 2 < needed < 2 * len(size)
    assert f"{work}/best_progress_epoch_3.pth could not be written: File too" in text
    assert "Traceback" not in text
    assert {path: path.read_bytes() for path in work.glob("*.pth")} == before
    assert not list(work.glob("*.unfinished"))
    assert wait(train_again(config, work, log=log)) == 0
    assert outcome(work) == expected


def test_a_full_disk_leaves_the_old_checkpoints(runs, tmp_path):
    config, expected, two = runs
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk; the test before has none")
    try:
        work = disk / "work"
        shutil.copytree(two, work)
        before = {path: path.read_bytes() for path in work.glob("*.pth")}
        free = shutil.disk_usage(disk).free
        size = (work / "epoch_2.pth").stat().st_size
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(free - size // 2))
        assert wait(train_again(config, work, log=log)) == 74, said(log)
        text = said(log)
        assert "No space left on device" in text
        assert f"{work}/" in text
        assert {path: path.read_bytes() for path in work.glob("*.pth")} == before
        assert not list(work.glob("*.unfinished"))
        ballast.unlink()
        assert wait(train_again(config, work, log=log)) == 0
        assert outcome(work) == expected
    finally:
        subprocess.run(["umount", disk], check=True)
