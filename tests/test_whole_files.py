"""Files that are there whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmleaves.commands import (
    check,
    compare,
    find_lr,
    fold,
    predict,
    repeat,
    report,
    show_predictions,
    test,
    vis_scheduler,
)
from mmleaves.whole_files import (
    CannotWriteError,
    _sync_folder,
    check_can_write,
    sweep,
    write_whole,
)


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

    with pytest.raises(CannotWriteError, match=r"file could not be written: disk full"):
        write_whole(path, fail)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "it is a folder"),
        ("file/below", "{}/file is no folder"),
        ("file/deep/below", "{}/file is no folder"),
        ("link/below", "{}/link is no folder"),
        ("link", "it is a link into {}/gone, which is no folder"),
        ("x" * 300, "File name too long"),
        ("/proc/mmleaves.json", "No such file or directory"),  # takes no files
    ],
)
def test_where_no_file_can_be_is_told_before_the_work(tmp_path, name, why):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("of the user")
    (tmp_path / "link").symlink_to("gone/file")
    told = rf"--out {tmp_path / name} cannot be written: {why.format(tmp_path)}\. Expec"
    with pytest.raises(CannotWriteError, match=told):
        check_can_write(tmp_path / name, "--out")
    assert (tmp_path / "file").read_text() == "of the user"


@pytest.mark.parametrize("name", ["new", "a/b/new", "file", "/dev/null"])
def test_where_a_file_can_be_nothing_is_left_behind(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_text("of the user")
    monkeypatch.chdir(tmp_path)
    check_can_write(tmp_path / name, "--out")
    check_can_write(Path(name), "--out")
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]
    assert (tmp_path / "file").read_text() == "of the user"


def test_pipes_and_devices_are_written_into_and_stay(tmp_path):
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    found = []
    reader = threading.Thread(
        target=lambda: found.append(pipe.read_text()), daemon=True
    )
    reader.start()
    for path in (pipe, device):
        write_whole(path, lambda file: file.write_text("figures"))
    reader.join(timeout=60)
    assert found == ["figures"]
    assert pipe.is_fifo() and device.is_symlink() and device.is_char_device()


def test_what_is_printed_into_a_file_is_not_written_over(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from mmleaves.whole_files import check_can_write\n"
        "try:\n"
        "    check_can_write(Path('/dev/stdout'), '--slurm')\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    log = tmp_path / "log"
    log.write_text("before\n")
    command = [sys.executable, "-c", code]
    with log.open("a") as file:
        subprocess.run(command, stdout=file, check=True)
    assert not subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    first, told = log.read_text().splitlines()
    assert first == "before"
    assert "--slurm /dev/stdout cannot be written: what is printed goes to a" in told


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (check, ["no", "--html", "BELOW.html"]),
        (check, ["no", "--split-out", "BELOW"]),
        (compare, ["no", "--json", "BELOW"]),
        (find_lr, ["no", "--out", "BELOW"]),
        (fold, ["no", "no.pth", "BELOW.pth"]),
        (predict, ["no", "no.pth", "--out", "BELOW.csv"]),
        (predict, ["no", "no.pth", "--submission", "BELOW"]),
        (repeat, ["no", "--out", "BELOW"]),
        (repeat, ["no", "--slurm", "BELOW"]),
        (report, ["no", "--out", "BELOW.html"]),
        (show_predictions, ["no", "--out", "BELOW"]),
        (test, ["no", "no.pth", "--out", "BELOW"]),
        (vis_scheduler, ["no", "--out", "BELOW"]),
    ],
)
def test_each_command_looks_at_where_it_writes_first(
    tmp_path, monkeypatch, capsys, command, args
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        command.main([arg.replace("BELOW", "file/below") for arg in args])
    told = capsys.readouterr().err
    assert ended.value.code == 74, told
    assert f"cannot be written: {tmp_path}/file is no folder." in told


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


def test_a_process_that_is_killed_leaves_the_old_file_and_what_is_swept_later(
    tmp_path,
):
    path = tmp_path / "file"
    path.write_text("old")
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    assert path.read_text() == "old"
    (left,) = tmp_path.glob("*.unfinished")
    # Another machine may be writing it.
    sweep(tmp_path)
    assert left.exists()
    os.utime(left, (0, 0))
    sweep(tmp_path)
    assert [*tmp_path.iterdir()] == [path]


def test_where_nobody_else_writes_all_that_is_unfinished_is_swept(tmp_path):
    (tmp_path / "file.0.unfinished").touch()
    sweep(tmp_path, older_than_seconds=0)
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, which syncs nothing")
def test_a_folder_that_cannot_be_synced_is_no_error():
    folder = os.open("/proc", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            os.fsync(folder)
    finally:
        os.close(folder)
    _sync_folder(Path("/proc"))
