"""Files that are there whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from mmleaves.whole_files import sweep, write_whole


def test_the_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "folder" / "file"
    for text in ("first", "second"):
        write_whole(path, lambda to, text=text: to.write_text(text))
        assert path.read_text() == text
    assert [*path.parent.iterdir()] == [path]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(to):
        to.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "old"


WRITER = """
import sys, time
from pathlib import Path
from mmleaves.whole_files import write_whole

def write(path):
    with path.open("w") as file:
        for _ in range(1000):
            file.write("new" * 1000)
            file.flush()
            print("writing", flush=True)
            time.sleep(0.01)

write_whole(Path(sys.argv[1]), write)
"""


def test_a_process_that_is_killed_leaves_the_old_file_and_what_the_next_one_sweeps(
    tmp_path,
):
    path = tmp_path / "file"
    path.write_text("old")
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        sweep(tmp_path)  # not what a living process writes
        assert len([*tmp_path.iterdir()]) == 2
        os.kill(writer.pid, signal.SIGKILL)
    assert path.read_text() == "old"
    assert len([*tmp_path.iterdir()]) == 2
    sweep(tmp_path)
    assert [*tmp_path.iterdir()] == [path]
