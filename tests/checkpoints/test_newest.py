"""Which checkpoint a run goes on from, whatever became of the others."""

import io
import json
import logging

import pytest
import torch
from forked_runs import outcome, said, train_again, wait, write_run
from forked_runs import run as run_command
from mmengine.logging import MMLogger
from mmengine.optim import (
    CosineAnnealingLR,
    LinearLR,
    MultiStepLR,
    PolyLR,
    ReduceOnPlateauLR,
)
from mmengine.optim.scheduler import CosineRestartLR

from mmleaves.checkpoints.contents import NotResumableError, check_resumable
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import DamagedCheckpointError, enter, listed
from mmleaves.checkpoints.newest import check_named, newest_checkpoint
from mmleaves.checkpoints.plain import to_plain
from mmleaves.checkpoints.saving import write_checkpoint
from mmleaves.crash_points import CRASH_AT
from mmleaves.optim.one_cycle_lr import OneCycleLR

LOGGER = logging.getLogger("test_newest")


def to_resume(epoch):
    """Return the least that a run can go on from."""
    return {
        "state_dict": {},
        "meta": {"epoch": epoch, "iter": epoch},
        "message_hub": {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}},
        "optimizer": {"state": {}, "param_groups": []},
    }


@pytest.fixture
def run(tmp_path):
    """Folder with the checkpoints of epochs 9 and 10, and the pointer to the latter."""
    for epoch in (9, 10):
        torch.save(to_resume(epoch), tmp_path / f"epoch_{epoch}.pth")
    torch.save(
        {"state_dict": {}, "meta": {}}, tmp_path / "best_accuracy_top1_epoch_8.pth"
    )
    (tmp_path / "last_checkpoint").write_text(
        f"/elsewhere/{tmp_path.name}/epoch_10.pth"
    )
    return tmp_path


def test_it_is_the_one_that_the_pointer_names_wherever_the_folder_lies(run, caplog):
    assert newest_checkpoint(run, LOGGER).name == "epoch_10.pth"
    assert not caplog.records


def test_a_stop_within_an_epoch_is_newer_than_the_last_epoch(run):
    torch.save(to_resume(10), run / "interrupted.pth")
    (run / "last_checkpoint").write_text("interrupted.pth")
    assert newest_checkpoint(run, LOGGER).name == "interrupted.pth"


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_what_is_damaged_is_left_out_and_said(run, caplog, damage):
    newest = run / "epoch_10.pth"
    newest.write_bytes(newest.read_bytes()[:700] if damage is None else damage)
    assert newest_checkpoint(run, LOGGER).name == "epoch_9.pth"
    assert f"Left out: {newest}" in caplog.text
    assert "the run goes on from epoch_9.pth" in caplog.text


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        (b"", "is empty or not there"),
        (None, "is empty or not there"),
        (b"/gone/epoch_11.pth", "names 'epoch_11.pth'"),
        (b"\xff\x1b[31m\n", "names 'bytes:%FF%1B%5B31m'"),
        (b"epoch" * 1_000_000, f"names '{'epoch' * 20}...'"),
    ],
)
def test_without_a_pointer_it_is_the_newest_of_an_epoch(run, caplog, pointer, found):
    if pointer is None:
        (run / "last_checkpoint").unlink()
    else:
        (run / "last_checkpoint").write_bytes(pointer)
    assert newest_checkpoint(run, LOGGER).name == "epoch_10.pth"
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"{found}; the run goes on from epoch_10.pth" in said
    assert len(said) < 400


def test_the_best_file_is_not_resumed_whoever_names_it(run, caplog):
    best = run / "best_accuracy_top1_epoch_8.pth"
    (run / "last_checkpoint").write_text(str(best))
    assert newest_checkpoint(run, LOGGER).name == "epoch_10.pth"
    assert f"Left out: {best} cannot be resumed: it has no `optimizer`" in caplog.text
    assert f"names '{best.name}'; the run goes on from epoch_10.pth" in caplog.text
    with pytest.raises(NotResumableError, match=r"set load_from='.*_8\.pth'\.$"):
        check_named(str(best))
    check_named(str(run / "epoch_9.pth"))


ODD = {
    "meta": 5,
    "meta.epoch": "3",
    "meta.settings": [],
    "meta.world_size": "2",
    "meta.train_files": [1],
    "meta.seed": -1.5,
    "message_hub": [],
    "message_hub.log_scalars": None,
    "message_hub.log_scalars.train/loss": {"history_buffer": [5]},
    "message_hub.resumed_keys": {"epoch": 1},
    "message_hub.runtime_info.early_stopping": {"waited": 1},
    "message_hub.runtime_info.iterations_of_the_epoch": "2",
    "message_hub.runtime_info.resumes": 5,
    "optimizer": [],
    "optimizer.state": [5],
    "optimizer.param_groups": {},
    "param_schedulers": 7,
    "ema_state_dict": [],
    "frozen": 1,
}


@pytest.mark.parametrize("where", ODD)
def test_what_no_run_saves_is_refused_with_where_it_is(tmp_path, where):
    checkpoint = to_resume(3)
    *above, key = where.split(".")
    part = checkpoint
    for name in above:
        part = part[name]
    part[key] = ODD[where]
    torch.save(checkpoint, tmp_path / "epoch_3.pth")
    # Of an optimiser or a history, the whole is named.
    named = where.removesuffix(".log_scalars.train/loss").split(".")
    named = named[:1] if named[0] == "optimizer" else named
    match = rf"epoch_3\.pth is not a usable checkpoint: its `{'.'.join(named)}` is a"
    with pytest.raises(DamagedCheckpointError, match=match):
        check_named(str(tmp_path / "epoch_3.pth"))


@pytest.mark.parametrize(
    "state",
    [
        5,
        {"last_step": "3"},
        {"last_step": None},
        {"T_max": [4]},
        {"base_values": ["x"]},
        {"base_values": 0.1},
        {"optimizer": {}},
        {"gamma": 0.1, 7: 1},
    ],
)
def test_what_no_schedule_saves_is_left_out_for_an_earlier_checkpoint(run, state):
    path = run / "epoch_10.pth"
    torch.save(to_resume(10) | {"param_schedulers": [{"last_step": 1}, state]}, path)
    assert newest_checkpoint(run, LOGGER).name == "epoch_9.pth"
    with pytest.raises(DamagedCheckpointError, match=r"`param_schedulers` is a list"):
        check_named(str(path))


def test_what_schedules_save_is_taken():
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [{"params": [weight]} for weight in weights]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    schedulers = [
        MultiStepLR(optimizer, milestones=[2, 4]),
        CosineAnnealingLR(optimizer, T_max=4, eta_min_ratio=0.1),
        CosineRestartLR(optimizer, periods=[2, 2], restart_weights=[1, 0.5], eta_min=0),
        LinearLR(optimizer),
        PolyLR(torch.optim.SGD(weights, lr=torch.tensor(0.1))),
        OneCycleLR(optimizer, total_steps=8),
        ReduceOnPlateauLR(optimizer, monitor="loss"),
    ]
    optimizer.step()
    for scheduler in schedulers:
        scheduler.step()
    states = [to_plain(scheduler.state_dict()) for scheduler in schedulers]
    check_resumable("epoch_1.pth", to_resume(1) | {"param_schedulers": states})
    by_name = {"param_schedulers": {"a": states, "b": states}}
    check_resumable("epoch_1.pth", to_resume(1) | by_name)


def test_a_stop_within_the_first_epoch_is_found_without_a_pointer(tmp_path):
    torch.save(to_resume(0), tmp_path / "interrupted.pth")
    assert newest_checkpoint(tmp_path, LOGGER).name == "interrupted.pth"


def test_nothing_to_resume_is_refused(tmp_path):
    torch.save({}, tmp_path / "best_accuracy_top1_epoch_8.pth")
    with pytest.raises(FileNotFoundError, match=r"it holds no checkpoint, such as"):
        newest_checkpoint(tmp_path, LOGGER)


def test_a_run_of_which_nothing_can_be_read_is_not_begun_anew(run):
    for path in run.glob("epoch_*.pth"):
        path.write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"None of the 2 checkpoints in .* can be resumed"
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
        save(to_resume(epoch) | weights, tmp_path / f"epoch_{epoch}.pth")
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
        save(to_resume(epoch), tmp_path / f"epoch_{epoch}.pth")
    (tmp_path / "last_checkpoint").write_text("epoch_6.pth")
    (tmp_path / "epoch_6.pth").write_bytes(b"half")
    assert newest_checkpoint(tmp_path, LOGGER).name == "epoch_5.pth"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"checkpoints": {"a": 1}}',
        b'{"checkpoints": [{"file": 5, "bytes": 1, "sha256": ""}]}',
        b'{"checkpoints": [{"file": "epoch_1.pth", "bytes": "x", "sha256": ""}]}',
        b'{"checkpoints": [{"file": "epoch_1.pth", "bytes": true, "sha256": ""}]}',
        b'{"checkpoints": [{"file": "epoch_1.pth", "bytes": 1, "sha256": null}]}',
    ],
)
def test_a_damaged_list_is_told_once_and_begun_anew(tmp_path, caplog, damage):
    MMLogger.get_instance("test_newest_list").addHandler(caplog.handler)
    save(to_resume(1), tmp_path / "epoch_1.pth")
    path = tmp_path / "checkpoints.json"
    path.write_bytes(damage)
    assert newest_checkpoint(tmp_path, LOGGER).name == "epoch_1.pth"
    save(to_resume(2), tmp_path / "epoch_2.pth")
    assert caplog.text.count(f"{path} cannot be read") == 1
    entries = json.loads(path.read_bytes())["checkpoints"]
    assert [entry["file"] for entry in entries] == ["epoch_2.pth"]


def test_a_list_names_what_no_file_can_be_called(tmp_path):
    entry = {"bytes": 1, "sha256": ""}
    lines = [{"file": name, **entry} for name in ("x" * 5000, "a\0b", "..", "\ud800")]
    path = tmp_path / "checkpoints.json"
    path.write_text(json.dumps({"checkpoints": lines}))
    save({}, tmp_path / "epoch_2.pth")
    assert [entry["file"] for entry in listed(tmp_path)] == ["epoch_2.pth"]


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
    # That of epoch 2, which the one of epoch 3 had taken the place of.
    assert "so far, 'best_progress_epoch_2.pth', is not in" in said(log)
    assert "there is no best file until an epoch has a better one" in said(log)
    assert outcome(work) == outcome(whole)

    (best,) = work.glob("best_*.pth")
    args = ["train", config, "--work-dir", work, "--resume", best]
    assert run_command(*args, log=log) == 3, said(log)
    assert f"{best} cannot be resumed: it has no `optimizer`" in said(log)
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
