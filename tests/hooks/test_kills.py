"""A run that is killed, wherever that is, goes on and ends as if it had not been."""

import shutil

import pytest
from forked_runs import outcome, said, train_again, wait, write_run
from kill_runs import kill_runs

from mmleaves.crash_points import CRASH_AT

EPOCHS = 3
LAST, BEST = "epoch_3.pth", "best_progress_epoch_3.pth"
IN_A_FILE = ["opened", "half", "written", "on the disk", "read back", "checked"]
PLACES = [
    *[f"{name} {where}" for name in (LAST, BEST) for where in [*IN_A_FILE, "in place"]],
    # The pointer to it is not there yet; what is older is not removed yet.
    "last_checkpoint checked",
    f"{LAST} named",
    f"{LAST} alone",
    # The epoch is over, and its validation has not begun.
    "metrics.csv checked",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Config, an unbroken run's outcome, and a run's folder with two epochs done."""
    folder = tmp_path_factory.mktemp("placed")
    config = write_run(folder)
    assert train(config, folder / "whole", folder / "log") == 0
    code = train(config, folder / "two", folder / "log", "epoch_2.pth alone")
    assert code == 137
    return config, outcome(folder / "whole", EPOCHS), folder / "two"


def train(config, work, log, place="", *more):
    settings = ["--cfg-options", f"train_cfg.max_epochs={EPOCHS}", *more]
    return wait(train_again(config, work, *settings, log=log, env={CRASH_AT: place}))


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_within_a_save_loses_nothing(runs, place, tmp_path):
    config, expected, two = runs
    work, log = tmp_path / "run", tmp_path / "log"
    shutil.copytree(two, work)
    assert train(config, work, log, place) == 137, said(log)[-3000:]
    assert train(config, work, log) == 0, said(log)[-3000:]
    assert outcome(work, EPOCHS) == expected
    assert not list(work.glob("*.unfinished"))


def test_twenty_kills_at_random_instants_lose_nothing(tmp_path):
    counted, failures = kill_runs(tmp_path, kills=20, seed=1)
    assert not failures, failures
    assert counted["kills"] == 20
    assert counted["runs that were killed"] >= 5


def test_a_run_killed_within_its_first_save_begins_anew(runs, tmp_path):
    work, log, once = tmp_path / "work", tmp_path / "log", "train_cfg.max_epochs=1"
    # The best one is there, and nothing that could be resumed.
    assert train(runs[0], work, log, "epoch_1.pth checked", once) == 137
    assert [path.name for path in work.glob("*.pth")] == ["best_progress_epoch_1.pth"]
    assert train(runs[0], work, log, "", once) == 0, said(log)
    assert (work / "epoch_1.pth").is_file()
