"""Which checkpoint a run goes on from, whatever became of the others."""

import logging

import pytest
import torch

from mmleaves.checkpoints.newest import newest_checkpoint

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
