"""Checkpoints that would run code do not; those of others that hold data are read."""

import io
import json
import os
import pickle
import re
import shutil
import sys
import zipfile
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
import torch
import torchvision
from forked_runs import COMMANDS, run, said, write_run
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import sha256_of
from mmleaves.commands import fold, predict
from mmleaves.config import load_config

COMMANDS |= {"fold": fold.main, "predict": predict.main}


class Payload:
    """Touches a file by a shell when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def as_zip(pickled, **more):
    """Return a file as torch writes it, of a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/version", "3\n")
        archive.writestr("x/byteorder", "little")
        for name, content in more.items():
            archive.writestr(f"x/{name}", content)
    return file.getvalue()


def text(value):
    encoded = value.encode()
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def by_os_system(marker):
    file = io.BytesIO()
    torch.save({"state_dict": {}, "meta": Payload(marker)}, file)
    return file.getvalue()


def in_a_state_dict(marker):
    file = io.BytesIO()
    torch.save({"state_dict": OrderedDict(w=Payload(marker))}, file)
    return file.getvalue()


def by_getattr(marker):
    """Get at ``os.system`` by way of a class that files of MMEngine do name."""
    history = b"cmmengine.logging.history_buffer\nHistoryBuffer\n"
    get = b"c__builtin__\ngetattr\n"
    init = get + b"(" + history + text("__init__") + b"tR"
    scope = get + b"(" + init + text("__globals__") + b"tR"
    item = get + b"(" + scope + text("__getitem__") + b"tR"
    builtins = item + b"(" + text("__builtins__") + b"tR"
    item = get + b"(" + builtins + text("__getitem__") + b"tR"
    imports = item + b"(" + text("__import__") + b"tR"
    system = get + b"(" + imports + b"(" + text("os") + b"tR" + text("system") + b"tR"
    return as_zip(b"\x80\x02" + system + b"(" + text(f"touch {marker}") + b"tR.")


def in_a_zip_within(marker):
    """Load, from bytes in the file, another file."""
    inner = by_os_system(marker)
    load = b"ctorch.storage\n_load_from_bytes\n"
    content = b"c_codecs\nencode\n(" + text(inner.decode("latin1")) + text("latin1")
    return as_zip(b"\x80\x02" + load + b"(" + content + b"tRtR.", inner=inner)


def as_a_mere_pickle(marker):
    return pickle.dumps({"state_dict": Payload(marker)}, 4)


PAYLOADS = [
    by_os_system,
    in_a_state_dict,
    by_getattr,
    in_a_zip_within,
    as_a_mere_pickle,
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    config = write_run(folder)
    options = ["--cfg-options", "train_cfg.max_epochs=1"]
    args = [config, "--work-dir", folder / "run", *options]
    assert run("train", *args, log=folder / "log") == 0
    return config, folder / "run"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_code_in_a_checkpoint_is_not_run_by_any_command(trained, tmp_path, payload):
    config, _ = trained
    marker, evil, log = tmp_path / "ran", tmp_path / "evil.pth", tmp_path / "log"
    evil.write_bytes(payload(marker))
    work = ["--work-dir", tmp_path / "work"]
    own = tmp_path / "own"
    own.mkdir()
    (own / "epoch_1.pth").write_bytes(evil.read_bytes())
    (own / "last_checkpoint").write_text("epoch_1.pth")
    init = "{'type':'Pretrained','checkpoint':'" + str(evil) + "'}"
    data = tmp_path / "data"
    folds = tmp_path / "repvgg.py"
    folds.write_text(
        config.read_text()
        + """
model["backbone"] = dict(type="RepVGG", arch="A0", out_indices=(3,))
model["head"] = dict(type="LinearClsHead", in_channels=1280)
"""
    )
    for command, *args in (
        ("train", config, *work, "--resume", evil),
        ("train", config, "--work-dir", own, "--resume"),
        ("train", config, *work, "--cfg-options", f"load_from={evil}"),
        ("train", config, *work, "--cfg-options", f"model.init_cfg={init}"),
        ("test", config, evil, *work),
        ("predict", config, evil, data, "--out", tmp_path / "predictions.csv"),
        ("fold", folds, evil, tmp_path / "folded.pth"),
    ):
        assert run(command, *args, log=log) == 4, (args, said(log))
        told = said(log)
        assert not marker.exists()
        assert ".pth was not loaded: it holds Python objects besides" in told
        assert f"--trust {sha256_of(evil)}" in told
        assert "Traceback" not in told
        assert len(told.split("Error: ")[1].splitlines()) <= 24  # a screen
    # The file is a working trap, which a reader that trusts it would spring.
    with suppress(RuntimeError):
        torch.load(evil, weights_only=False)
    assert marker.exists()


def in_turn(args):
    """Run several commands in one process, which saves the seconds of starting each."""
    for command, *more in json.loads(args[0]):
        try:
            COMMANDS[command](more)
        except SystemExit as error:
            print(f"exit code {error.code}", file=sys.stderr)


def test_what_is_no_checkpoint_is_refused_by_all_commands_alike(trained, tmp_path):
    """Each has another fault; `test_loading.py` has all of them."""
    config, _ = trained
    COMMANDS["in turn"] = in_turn
    work, log = ["--work-dir", tmp_path / "work"], tmp_path / "log"
    none, numbers, meta, classes, hub = (tmp_path / f"{n}.pth" for n in range(5))
    torch.save({"state_dict": None}, none)
    torch.save({1: 2}, numbers)
    torch.save({"state_dict": {}, "meta": 5}, meta)
    torch.save({"meta": {"dataset_meta": {"classes": 5}}}, classes)
    torch.save({"state_dict": {}, "message_hub": 5}, hub)
    init = "{'type':'Pretrained','checkpoint':'" + str(numbers) + "'}"
    commands = [
        ("train", config, *work, "--resume", hub),
        ("train", config, *work, "--cfg-options", f"load_from={none}"),
        ("train", config, *work, "--cfg-options", f"model.init_cfg={init}"),
        ("test", config, meta, *work),
        ("predict", config, classes, tmp_path / "data", "--out", tmp_path / "p.csv"),
    ]
    lines = json.dumps([[*map(str, command)] for command in commands])
    assert run("in turn", lines, log=log) == 0, said(log)
    told = said(log)
    assert re.findall(r"exit code (\d+)", told) == ["3"] * len(commands), told
    assert told.count(" or of another kind; take ") == len(commands)
    assert "Traceback" not in told


def test_a_file_that_is_trusted_by_its_sha256_is_read(trained, tmp_path):
    config, work = trained
    marker, path, log = tmp_path / "ran", tmp_path / "mine.pth", tmp_path / "log"
    checkpoint = torch.load(work / "epoch_1.pth", weights_only=True)
    torch.save(checkpoint | {"extra": Payload(marker)}, path)
    args = ["test", config, path, "--work-dir", tmp_path]
    assert run(*args, "--trust", "0" * 64, log=log) == 4
    assert not marker.exists()
    assert run(*args, "--trust", sha256_of(path), log=log) == 0, said(log)
    assert marker.exists()
    assert "is trusted by its sha256: its objects are built, and code in" in said(log)
    assert run(*args, "--trust", "me", log=log) == 2
    assert "expected the 64 digits of a file's sha256" in said(log)


def test_a_config_in_a_checkpoint_is_not_run(trained, tmp_path):
    config, work = trained
    marker = tmp_path / "ran"
    code = f"x = __import__('pathlib').Path({str(marker)!r}).touch()\n"
    checkpoint = torch.load(work / "epoch_1.pth", weights_only=True)
    checkpoint["meta"]["config"] = code
    torch.save(checkpoint, tmp_path / "epoch_1.pth")
    args = [config, "--work-dir", tmp_path, "--resume", tmp_path / "epoch_1.pth"]
    options = ["--cfg-options", "train_cfg.max_epochs=1"]
    assert run("train", *args, *options, log=tmp_path / "log") == 0
    assert not marker.exists()
    Config.fromstring(code, ".py")  # what MMEngine does with it
    assert marker.exists()


@pytest.mark.parametrize("own", [True, False])
def test_a_checkpoint_of_mere_data_deletes_no_file_of_the_user(trained, tmp_path, own):
    config, trained_work = trained
    work, log = tmp_path / "work", tmp_path / "log"
    shutil.copytree(trained_work, work)
    victims = [tmp_path / "thesis.txt", work / "thesis.txt", work / "best_mine.pth"]
    victims += [work / "epoch_7.pth", tmp_path / "kept.pth"]
    for victim in victims:
        victim.write_text("of the user")
    # An empty folder for upstream to remove, and for a way through it.
    victims.append(work / "epoch_3.pth")
    victims[-1].mkdir()
    (work / "epoch_").mkdir()
    evil = (work if own else tmp_path) / "epoch_1.pth"
    checkpoint = torch.load(trained_work / "epoch_1.pth", weights_only=True)
    names = [str(victims[0]), "../thesis.txt", "thesis.txt", "epoch_7.pth", 5]
    checkpoint["message_hub"]["runtime_info"] |= {
        "outdated_ckpts": names,
        "best_ckpt": str(work / "best_mine.pth"),
        "best_score": -1.0,
        "best_ckpt_x": 5,
        "keep_ckpt_ids": ["/../../kept", 3, 7, 8, 9],
    }
    torch.save(checkpoint, evil)
    entry = {"bytes": evil.stat().st_size, "sha256": sha256_of(evil)}
    files = ["epoch_1.pth", *map(str, names)]
    lines = [{"file": file, **entry} for file in files if file != "epoch_7.pth"]
    if own:  # a folder of somebody else, with a list of theirs
        text = json.dumps({"checkpoints": lines})
        (work / "checkpoints.json").write_text(text)
    args = [config, "--work-dir", work, "--resume", evil, "--cfg-options"]
    assert run("train", *args, "train_cfg.max_epochs=2", log=log) == 0, said(log)
    assert (work / "epoch_2.pth").is_file()
    assert [victim for victim in victims if not victim.exists()] == []


def stock(config, folder):
    """Train one epoch with MMEngine's own runner, checkpoints and best file."""
    cfg = load_config(str(config), ["train_cfg.max_epochs=1"])
    cfg.work_dir = str(folder)
    cfg.runner_type = "Runner"
    cfg.default_hooks.checkpoint.type = "CheckpointHook"
    for name, hook in [*cfg.default_hooks.items()]:
        if hook.type.startswith("mmleaves."):
            del cfg.default_hooks[name]
    cfg.model.head.num_classes = cfg.data_preprocessor.num_classes = 2
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.update(cfg.dataset)
        loader.collate_fn = {"type": "default_collate"}
    Runner.from_cfg(cfg).train()


@pytest.mark.parametrize("cache", ["image_cache=None", "image_cache.limit_gb=1"])
def test_files_of_stock_mmengine_are_read_and_resumed(trained, cache, tmp_path):
    config, _ = trained
    COMMANDS["stock"] = lambda args: stock(*args)
    log, theirs = tmp_path / "log", tmp_path / "stock"
    assert run("stock", config, theirs, log=log) == 0, said(log)
    needed = torch.serialization.get_unsafe_globals_in_checkpoint(
        theirs / "epoch_1.pth"
    )
    assert {"builtins.getattr", "mmengine.logging.history_buffer.HistoryBuffer"} <= {
        *needed
    }
    read = load_from_local(str(theirs / "epoch_1.pth"))
    trusted = torch.load(theirs / "epoch_1.pth", weights_only=False)
    for name, history in trusted["message_hub"]["log_scalars"].items():
        found = read["message_hub"]["log_scalars"][name]
        assert [a.tolist() for a in found.data] == [a.tolist() for a in history.data]
    (best,) = theirs.glob("best_*.pth")
    assert run("test", config, best, "--work-dir", tmp_path, log=log) == 0, said(log)
    args = [config, "--work-dir", tmp_path / "more", "--resume", theirs / "epoch_1.pth"]
    options = ["--cfg-options", "train_cfg.max_epochs=2", cache]
    assert run("train", *args, *options, log=log) == 0, said(log)
    assert "resumed epoch: 1" in said(log)
    assert (tmp_path / "more" / "epoch_2.pth").is_file()
    unknown = ["the settings", "the images and labels", "the number of processes"]
    assert f"{', '.join(unknown)} cannot be compared, and may be others" in said(log)
    (resumed,) = json.loads((tmp_path / "more" / "run.json").read_text())["resumes"]
    assert resumed["changed"] is None
    assert resumed["not_compared"] == unknown


def test_numbers_and_arrays_of_numpy_are_read(tmp_path):
    """As in the ``meta`` and ``hook_msgs`` of published weights."""
    state = OrderedDict(w=torch.ones(2))
    state._metadata = OrderedDict(version=1)
    checkpoint = {
        "state_dict": state,
        "meta": {
            "best": np.float32(0.5),
            "epoch": np.int64(3),
            "found": np.bool_(True),
            "name": np.str_("acer"),
            "mean": np.array([1.5, 2.5]),
            "table": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
            "loss": HistoryBuffer([0.5, 0.25], [8, 4]),
            "palette": [(np.uint8(7), "x")],
        },
    }
    torch.save(checkpoint, tmp_path / "published.pth")
    meta = load_from_local(str(tmp_path / "published.pth"))["meta"]
    assert (meta["best"], meta["epoch"], meta["found"]) == (0.5, 3, True)
    assert meta["name"] == "acer"
    assert meta["mean"].tolist() == [1.5, 2.5]
    assert meta["table"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert meta["loss"].data[0].tolist() == [0.5, 0.25]
    assert meta["palette"] == [(7, "x")]


def test_an_array_of_objects_is_refused(tmp_path):
    torch.save({"x": np.array([{}], dtype=object)}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="'O8' is not one of plain data"):
        load_from_local(str(tmp_path / "x.pth"))


@pytest.mark.parametrize("zipped", [True, False])  # since torch 1.6, and before
def test_files_of_torchvision_are_read(tmp_path, zipped):
    state = torchvision.models.squeezenet1_1().state_dict()
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    read = load_from_local(str(path))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)
