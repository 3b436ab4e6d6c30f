"""Two runs in one folder, and folders that are none."""

import json
import os
import platform
import signal
import time
from pathlib import Path

import pytest
from forked_runs import run, said, start, train_again, wait, write_run

from mmleaves.checkpoints.earlier import earlier_file, refuse_folders_for_files
from mmleaves.config import load_config
from mmleaves.run_folder import kept
from mmleaves.runner import FineTuneRunner
from mmleaves.whole_files import CannotWriteError


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("tiny"))


def files_of(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_of_many_runs_at_once_in_one_folder_one_trains(config, tmp_path):
    work = tmp_path / "work"
    logs = [tmp_path / f"{i}.log" for i in range(20)]
    processes = [
        start("train", config, "--work-dir", work, log=log, before=lambda: os.nice(5))
        for log in logs
    ]
    codes = [wait(process) for process in processes]
    # One that starts when the first has ended finds an earlier run there.
    assert codes.count(0) == 1
    assert set(codes) <= {0, 6, 2}
    assert codes.count(6) >= 1
    # Such a one has the folder for a moment, too.
    had_it = [p for p, code in zip(processes, codes, strict=True) if code != 6]
    for code, log in zip(codes, logs, strict=True):
        if code == 6:
            text = said(log)
            in_use = f"{work} is in use: process %d on {platform.node()} "
            assert any(in_use % process in text for process in had_it)
            assert "Traceback" not in text
            assert len(text.splitlines()) < 12
    # Nor did the others leave a log.
    assert 1 <= len([*work.glob("2*/*.log")]) <= 1 + codes.count(2)


def test_the_second_run_changes_nothing_and_a_killed_one_keeps_nobody_out(
    config, tmp_path
):
    work = tmp_path / "work"
    first = start("train", config, "--work-dir", work, log=tmp_path / "first")
    while not (work / "last_checkpoint").exists():
        time.sleep(0.005)
    os.kill(first, signal.SIGSTOP)
    before = files_of(work)
    for more in ([], ["--resume"]):
        args = [config, "--work-dir", work, *more]
        assert run("train", *args, log=tmp_path / "second") == 6
        assert f"process {first} on" in said(tmp_path / "second")
    assert files_of(work) == before
    os.kill(first, signal.SIGKILL)
    wait(first)
    assert wait(train_again(config, work, log=tmp_path / "third")) == 0


def test_a_file_in_the_place_of_the_folder_is_refused_before_training(config, tmp_path):
    place = tmp_path / "work"
    place.write_text("a file")
    for work in (place, place / "below"):
        assert run("train", config, "--work-dir", work, log=tmp_path / "log") == 74
        text = said(tmp_path / "log")
        assert f"{work} cannot be the run's folder: " in text
        assert "--work-dir FOLDER" in text
        assert "Traceback" not in text
    assert place.read_text() == "a file"


@pytest.mark.parametrize("where", ["run/last_checkpoint", "kept/checkpoints.json"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_training(tmp_path, where):
    name = Path(where).name
    (tmp_path / where).mkdir(parents=True)
    told = rf"/{name} is a folder, expected a file or nothing.*--work-dir FOLDER"
    folders = tmp_path / "run", tmp_path / "kept"
    with pytest.raises(CannotWriteError, match=told):
        refuse_folders_for_files(*folders)
    (tmp_path / where).rmdir()
    refuse_folders_for_files(*folders)


def test_a_folder_whose_name_is_no_text_is_refused_before_it_is_made(tmp_path):
    told = r"bytes:\S+/caf%E9 cannot be the run's folder: its name is no text in UTF-8"
    with pytest.raises(CannotWriteError, match=told), kept(tmp_path / "caf\udce9"):
        pytest.fail("the folder was taken")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("files", "written", "found"),
    [
        (["interrupted.pth", "weights.pth"], [], "interrupted.pth"),
        (["iter_20.pth"], [], "iter_20.pth"),
        # What was kept of a run that went on after it, or of another program's.
        (["best_a_epoch_1.pth"], ["best_a_epoch_1", "epoch_1", "epoch_2"], "best_a_"),
        (["best_a_epoch_1.pth"], [], "best_a_"),
        # Killed before its first checkpoint was there: nothing else could be done.
        (["best_a_epoch_1.pth"], ["best_a_epoch_1", "epoch_1"], None),
        (["weights.pth", "notes.txt"], [], None),
    ],
)
def test_what_an_earlier_run_left_is_found(tmp_path, files, written, found):
    for name in files:
        (tmp_path / name).touch()
    entries = [{"file": f"{name}.pth", "bytes": 0, "sha256": ""} for name in written]
    (tmp_path / "checkpoints.json").write_text(json.dumps({"checkpoints": entries}))
    earlier = earlier_file([tmp_path / "nothing", tmp_path])
    if found is None:
        assert earlier is None
    else:
        assert earlier.name.startswith(found)


class OfOneSecond(FineTuneRunner):
    """Begins at one and the same second, by which MMEngine names runs."""

    def setup_env(self, env_cfg):
        super().setup_env(env_cfg)
        self._timestamp = "20260101_000000"


def test_two_runs_of_one_second_share_nothing(config, tmp_path):
    runners = []
    for name in ("first", "second"):
        cfg = load_config(str(config))
        cfg.work_dir = str(tmp_path / name)
        runners.append(OfOneSecond.from_cfg(cfg))
    first, second = runners
    assert first.message_hub is not second.message_hub
    assert first.visualizer is not second.visualizer
    for runner in (first, second):
        # Where their logs go.
        assert len([*Path(runner.work_dir).glob("2*/*.log")]) == 1
