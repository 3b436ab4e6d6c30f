"""Which checkpoint a run goes on from, whatever became of the others."""

import io
import json
import logging

import pytest
import torch
from forked_runs import outcome, said, train_again, wait, write_run
from forked_runs import run as run_command

from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import DamagedCheckpointError, enter, listed
from mmleaves.checkpoints.newest import newest_checkpoint
from mmleaves.checkpoints.saving import write_checkpoint
from mmleaves.crash_points import CRASH_AT

LOGGER = logging.getLogger("test_newest")


@pytest.fixture
def run(tmp_path):
    """Folder with the checkpoints of epochs 9 and 10, and the pointer to the latter."""
    for epoch in (9, 10):
        torch.save({"meta": {"epoch": epoch}}, tmp_path / f"epoch_{epoch}.pth")
    torch.save({"meta": {}}, tmp_path / "best_accuracy_top1_epoch_8.pth")
    (tmp_path / "last_checkpoint").write_text(
        f"/elsewhere/{tmp_path.name}/epoch_10.pth"
    )
    return tmp_path


def test_it_is_the_one_that_the_pointer_names_wherever_the_folder_lies(run, caplog):
    assert newest_checkpoint(run, LOGGER).name == "epoch_10.pth"
    assert not caplog.records


def test_a_stop_within_an_epoch_is_newer_than_the_last_epoch(run):
    torch.save({"meta": {"epoch": 10}}, run / "interrupted.pth")
    (run / "last_checkpoint").write_text("interrupted.pth")
    assert newest_checkpoint(run, LOGGER).name == "interrupted.pth"


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_what_is_damaged_is_left_out_and_said(run, caplog, damage):
    newest = run / "epoch_10.pth"
    newest.write_bytes(newest.read_bytes()[:700] if damage is None else damage)
    assert newest_checkpoint(run, LOGGER).name == "epoch_9.pth"
    assert f"Left out: {newest}" in caplog.text
    assert "the run goes on from epoch_9.pth" in caplog.text


@pytest.mark.parametrize("pointer", ["", "/gone/epoch_11.pth", None])
def test_without_a_pointer_it_is_the_newest_of_an_epoch(run, caplog, pointer):
    if pointer is None:
        (run / "last_checkpoint").unlink()
    else:
        (run / "last_checkpoint").write_text(pointer)
    assert newest_checkpoint(run, LOGGER).name == "epoch_10.pth"
    assert "goes on from epoch_10.pth" in caplog.text


def test_a_stop_within_the_first_epoch_is_found_without_a_pointer(tmp_path):
    torch.save({"meta": {"epoch": 0}}, tmp_path / "interrupted.pth")
    assert newest_checkpoint(tmp_path, LOGGER).name == "interrupted.pth"


def test_nothing_to_resume_is_refused(tmp_path):
    torch.save({}, tmp_path / "best_accuracy_top1_epoch_8.pth")
    with pytest.raises(FileNotFoundError, match=r"it holds no checkpoint, such as"):
        newest_checkpoint(tmp_path, LOGGER)


def test_a_run_of_which_nothing_can_be_read_is_not_begun_anew(run):
    for path in run.glob("epoch_*.pth"):
        path.write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"None of the 2 checkpoints in .* can be read"
    ):
        newest_checkpoint(run, LOGGER)


def save(checkpoint, path):
    file = io.BytesIO()
    torch.save(checkpoint, file)
    write_checkpoint(file.getbuffer(), path)


def flip_a_bit(path):
    """Change one of the weights, which torch reads as if nothing had happened."""
    content = bytearray(path.read_bytes())
    content[content.find(torch.full((3,), 1.25).numpy().tobytes())] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_is_found(tmp_path, caplog):
    for epoch in (1, 2):
        weights = {"state_dict": {"w": torch.full((100,), 1.25)}}
        save(weights, tmp_path / f"epoch_{epoch}.pth")
    newest = tmp_path / "epoch_2.pth"
    (tmp_path / "last_checkpoint").write_text(str(newest))
    assert newest_checkpoint(tmp_path, LOGGER) == newest
    flip_a_bit(newest)
    assert torch.load(newest, weights_only=True)["state_dict"]["w"][0] != 1.25
    assert newest_checkpoint(tmp_path, LOGGER).name == "epoch_1.pth"
    assert f"Left out: {newest} is damaged: its sha256 is" in caplog.text
    with pytest.raises(DamagedCheckpointError, match=r"epoch_2\.pth is damaged"):
        load_from_local(str(newest))


def test_the_one_written_last_comes_first_not_the_highest_epoch(tmp_path):
    """As after a run that had come further was resumed from an earlier epoch."""
    for epoch in (8, 9, 5, 6):
        save({"meta": {"epoch": epoch}}, tmp_path / f"epoch_{epoch}.pth")
    (tmp_path / "last_checkpoint").write_text("epoch_6.pth")
    (tmp_path / "epoch_6.pth").write_bytes(b"half")
    assert newest_checkpoint(tmp_path, LOGGER).name == "epoch_5.pth"


@pytest.mark.parametrize("damage", ["", "[]", '{"checkpoints": [{"file": 3}]}'])
def test_a_damaged_list_of_checkpoints_keeps_nobody_from_them(tmp_path, damage):
    save({"state_dict": {}}, tmp_path / "epoch_1.pth")
    (tmp_path / "checkpoints.json").write_text(damage)
    assert newest_checkpoint(tmp_path, LOGGER).name == "epoch_1.pth"


def test_the_list_forgets_what_is_gone(tmp_path):
    for epoch in (1, 2, 2):
        save({"epoch": epoch}, tmp_path / f"epoch_{epoch}.pth")
    (tmp_path / "epoch_1.pth").unlink()
    save({}, tmp_path / "epoch_3.pth")
    entries = json.loads((tmp_path / "checkpoints.json").read_text())["checkpoints"]
    assert {entry["file"] for entry in entries} == {"epoch_2.pth", "epoch_3.pth"}


def test_a_run_falls_back_says_so_and_ends_the_same_or_exits_with_3(tmp_path):
    config, log = write_run(tmp_path), tmp_path / "log"
    # To keep one is to have none while it is damaged.
    keep = ["--cfg-options", "default_hooks.checkpoint.max_keep_ckpts=1"]
    whole, work = tmp_path / "whole", tmp_path / "work"
    assert wait(train_again(config, whole, *keep, log=log)) == 0
    crash = {CRASH_AT: "epoch_3.pth alone"}
    assert wait(train_again(config, work, *keep, log=log, env=crash)) == 137
    kept = sorted(path.name for path in work.glob("epoch_*.pth"))
    assert kept == ["epoch_2.pth", "epoch_3.pth"]
    content = bytearray((work / "epoch_3.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (work / "epoch_3.pth").write_bytes(content)
    assert wait(train_again(config, work, *keep, log=log)) == 0, said(log)
    assert "epoch_3.pth is damaged: its sha256 is " in said(log)
    assert "the run goes on from epoch_2.pth, the newest that is whole" in said(log)
    assert outcome(work) == outcome(whole)

    for path in work.glob("*.pth"):
        path.write_bytes(path.read_bytes()[:-9])
    for resume in (["--resume"], ["--resume", work / "epoch_4.pth"]):
        args = ["train", config, "--work-dir", work, *resume]
        assert run_command(*args, log=log) == 3, said(log)
        assert "Traceback" not in said(log)
    assert (
        run_command("train", config, "--work-dir", tmp_path / "no", "--resume", log=log)
        == 3
    )
    assert "There is nothing to resume in" in said(log)

    (work / "last_checkpoint").unlink()
    before = {path: path.stat().st_mtime_ns for path in work.glob("*.pth")}
    assert run_command("train", config, "--work-dir", work, log=log) == 2
    assert "such as epoch_3.pth, which this one would overwrite." in said(log)
    assert {path: path.stat().st_mtime_ns for path in work.glob("*.pth")} == before


def test_the_list_keeps_the_file_that_is_there_until_another_takes_its_place(tmp_path):
    path = tmp_path / "epoch_1.pth"
    path.write_bytes(b"same")
    for digits in ("a", "a", "b"):
        enter(path, 4, digits)
    assert [entry["sha256"] for entry in listed(tmp_path)] == ["a", "b"]
