import copy
import pickle
import re
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader
from tool_runs import check, run_python

# Importing it replaces MMEngine's readers.
from mmleaves.checkpoints.loading import (
    UnsafeCheckpointError,
    _reason,
    checkpoint_classes,
)
from mmleaves.checkpoints.manifest import DamagedCheckpointError, sha256_of


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    marker = tmp_path / "ran"
    torch.save({"state_dict": {}, "meta": Payload(marker)}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil\.pth was not loaded: it holds Python"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "evil.pth"), "cpu")
    assert not marker.exists()
    # The file is a working trap, which a reader that trusts it would spring.
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize("prefix", ["open-mmlab", "torchvision", "mmcls", "pavi", "s3"])
def test_ways_of_reading_that_could_run_code_are_closed(prefix):
    with pytest.raises(ValueError, match=f"reads {prefix}:// in a way that can run co"):
        CheckpointLoader.load_checkpoint(f"{prefix}://resnet50")


def test_a_missing_checkpoint_is_named():
    with pytest.raises(FileNotFoundError, match=r"no checkpoint work_dirs/x\.pth"):
        CheckpointLoader.load_checkpoint("work_dirs/x.pth")


@pytest.mark.parametrize("size", [0, 1, 100, 4000])
def test_a_checkpoint_that_breaks_off_is_named(tmp_path, size):
    path = tmp_path / "half.pth"
    torch.save({"state_dict": {"w": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedCheckpointError, match=rf"half\.pth \({size} bytes\)"):
        CheckpointLoader.load_checkpoint(str(path))


def test_what_torch_fails_on_without_foreseeing_it_is_damage(tmp_path):
    """A tensor made of nothing; found by mutated files."""
    path = tmp_path / "x.pth"
    made_of_nothing = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", made_of_nothing)
        archive.writestr("x/version", "3\n")
        archive.writestr("x/byteorder", "little")
    with pytest.raises(TypeError, match="missing"):
        torch.load(path, weights_only=True)
    with pytest.raises(DamagedCheckpointError, match=r"x\.pth .* readable .*miss"):
        CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_checkpoint_that_grows_in_memory_is_refused(tmp_path, compressed):
    """Deflated, or records of many names for the same bytes of the file."""
    path, bomb = tmp_path / "whole.pth", tmp_path / "bomb.pth"
    torch.save({"state_dict": {"w": torch.zeros(10_000_000)}}, path)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(bomb, "w", method) as archive:
        for name in whole.namelist():
            archive.writestr(name, whole.read(name))
        if not compressed:
            record = copy.copy(archive.getinfo("whole/data/0"))
            record.filename = "whole/data/1"
            archive.filelist.append(record)
            archive.NameToInfo[record.filename] = record
    if compressed:
        assert bomb.stat().st_size < 100_000
    # Torch itself reads the one, and the other too if its pickle asks for it.
    assert torch.load(bomb, weights_only=True)["state_dict"]["w"].sum() == 0
    why = r"'whole/data\.pkl' is compressed" if compressed else "80,0.* than the file"
    with pytest.raises(DamagedCheckpointError, match=why):
        CheckpointLoader.load_checkpoint(str(bomb), "cpu")


def test_a_pickle_without_tensors_is_refused(tmp_path):
    path = tmp_path / "results.pkl"
    path.write_bytes(pickle.dumps({"metrics": np.float32(1)}))
    with pytest.raises(ValueError, match=r"results\.pkl"):
        CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([1], "holds a list, expected a checkpoint"),
        ({1: 2}, "holds a dict whose keys are no names"),
        ({"state_dict": None}, "its `state_dict` is a NoneType, expected a dict of"),
        ({"state_dict": [1]}, "its `state_dict` is a list"),
        ({"state_dict": {3: 4}}, "its `state_dict` is a dict, expected .* by name"),
        ({"meta": []}, "its `meta` is a list, expected a dict"),
        ({"meta": {"dataset_meta": 5}}, "its `meta.dataset_meta` is a int"),
        ({"meta": {"train_images": [1]}}, "its `meta.train_images` is a list"),
        ({"message_hub": 5}, "its `message_hub` is a int"),
        ({"message_hub": {"x": [{"history_buffer": 5}]}}, "expected histories of two"),
    ],
)
def test_what_is_no_checkpoint_is_told_by_what_it_is(tmp_path, content, why):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(DamagedCheckpointError, match=rf"odd\.pth .*{why}.*; take ano?"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "odd.pth"), "cpu")


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (["a", "b"], ("a", "b")),
        # As stock MMPretrain and others may write them.
        ((0, 1), ("0", "1")),
        (np.array(["a", "b"]), ("a", "b")),
        (None, None),
        ([], None),
    ],
)
def test_classes_are_read_as_names(tmp_path, classes, names):
    path = tmp_path / "some.pth"
    torch.save({"meta": {"dataset_meta": {"classes": classes}}}, path)
    assert checkpoint_classes(str(path)) == names


@pytest.mark.parametrize("meta", [None, {}, {"dataset_meta": None}])
def test_a_checkpoint_may_say_nothing_of_itself(tmp_path, meta):
    path = tmp_path / "some.pth"
    torch.save({"state_dict": {}, "meta": meta, "message_hub": None}, path)
    assert checkpoint_classes(str(path)) is None


@pytest.mark.parametrize("classes", [5, "ab", {"a": 1}])
def test_classes_that_are_no_list_are_told(tmp_path, classes):
    path = tmp_path / "odd.pth"
    torch.save({"meta": {"dataset_meta": {"classes": classes}}}, path)
    told = rf"its `meta\.dataset_meta\.classes` is a {type(classes).__name__}, expected"
    with pytest.raises(DamagedCheckpointError, match=told):
        checkpoint_classes(str(path))


def test_a_machine_without_memory_is_not_taken_for_a_damaged_file(tmp_path):
    """In a process of its own that may have no more memory than it has."""
    path = tmp_path / "large.pth"
    torch.save({"state_dict": {"w": torch.zeros(100_000_000)}}, path)
    code = f"""
import resource, sys
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.errors import CannotReadError
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 200_000_000,) * 2)
try:
    load_from_local({str(path)!r}, "cpu")
except CannotReadError as error:
    print(error.exit_code, error)
"""
    said = check(run_python("-c", code)).stdout
    assert re.match(r"71 \S+large\.pth could not be read: .*allocate memory", said), (
        said
    )
    assert "It may well be whole" in said


class _Own:
    """An object of a class of nobody's."""


def legacy_tar(path, names=("storages", "tensors", "pickle")):
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))


@pytest.mark.parametrize(
    ("save", "what"),
    [
        (
            lambda path: torch.save({"x": _Own()}, path),
            r"\(Unsupported global: GLOBAL \S+_Own was not an allowed global by d\w+\)",
        ),
        (
            lambda path: torch.save({"x": Payload("x")}, path),
            r"GLOBAL pathlib\S+ (was not an allowed|whose module \w+ is blocked)",
        ),
        (
            lambda path: path.write_bytes(pickle.dumps({"x": _Own()}, 4)),
            r"\(Unsupported operand \d+\)",
        ),
        (legacy_tar, "it is a tar archive, as the first versions of PyTorch wrote"),
        (
            lambda path: torch.jit.script(torch.nn.Linear(2, 2)).save(str(path)),
            "it is a TorchScript program, not weights",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_what_could_run_code_is_named_without_torchs_advice(tmp_path, save, what):
    path = tmp_path / "code.pth"
    save(path)
    with pytest.raises(UnsafeCheckpointError, match=what) as error:
        CheckpointLoader.load_checkpoint(str(path), "cpu")
    assert not re.search(ADVICE, str(error.value))


def test_a_tar_archive_of_something_else_is_no_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "images.tar"
    legacy_tar(path, ["1.jpg"])
    monkeypatch.setenv("MMLEAVES_TRUST", sha256_of(path))
    with pytest.raises(
        DamagedCheckpointError, match=r"images\.tar .* is not a readable"
    ):
        CheckpointLoader.load_checkpoint(str(path), "cpu")


ADVICE = "weights_only|safe_globals|allowlist|arbitrary code|file an issue|trusted sou"
UNSAFE = torch.serialization.UNSAFE_MESSAGE
DOCS = "Check the documentation of torch.load to learn more about types accepted with"
# As `_get_wo_message` of torch 2.6 to 2.14 puts them together.
AROUND = [
    "Weights only load failed. This file can still be loaded, to do so you have two "
    "options, \033[1mdo those steps only if you trust the source of the checkpoint"
    f"\033[0m. \n\t(1) {UNSAFE}\n\t(2) Alternatively, to load with "
    "`weights_only=True` please check the recommended steps in the following error "
    "message.\n\tWeightsUnpickler error: {}. Please use "
    "`torch.serialization.add_safe_globals([x])` or the `safe_globals([x])` context "
    f"manager to allowlist this global if you trust this class/function.\n\n{DOCS}",
    f"Weights only load failed. {{}}\n {UNSAFE}\n",
    f"Weights only load failed. {UNSAFE}\n\n\n{{}}\n\n{DOCS}",
    f"Weights only load failed. {UNSAFE}\nPlease file an issue with the following so "
    "that we can make `weights_only=True` compatible with your use case: "
    f"WeightsUnpickler error: \n\n{{}}\n\n{DOCS}",
]


@pytest.mark.parametrize(
    "reason",
    [
        "Unsupported global: GLOBAL a.b was not an allowed global by default",
        "Trying to load unsupported GLOBAL os.system whose module os is blocked",
        "``torch.distributed.tensor`` must be imported to load DTensors",
        "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
        "`add_safe_globals`, but got <class 'x'>",
        "Can only create new object for nn.Parameter or classes allowlisted via "
        "`add_safe_globals` but got <class 'x'>",
    ],
)
@pytest.mark.parametrize("around", AROUND)
def test_of_torchs_messages_the_reason_is_left(reason, around):
    found = _reason(pickle.UnpicklingError(around.format(reason)))
    assert found == re.sub(" or (types|classes) allowlisted via `.*`,?", "", reason)
    assert not re.search(ADVICE, found)


@pytest.fixture
def weights_of_nobody(monkeypatch, tmp_path):
    """URL on this machine that nobody answers, and an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/resnet50-0676ba61.pth"


def test_weights_that_cannot_be_had_are_named_with_the_way_out(
    weights_of_nobody, tmp_path
):
    with pytest.raises(FileNotFoundError) as error:
        CheckpointLoader.load_checkpoint(weights_of_nobody)
    text = str(error.value)
    assert "The pretrained weights resnet50-0676ba61.pth are not on this mach" in text
    assert f"Put that file into {tmp_path / 'hub' / 'checkpoints'}" in text
    assert "--no-pretrained" in text


def test_weights_put_where_the_error_says_are_read(weights_of_nobody, tmp_path):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    url = weights_of_nobody.replace("resnet50-0676ba61", "mine")
    torch.save({"w": torch.ones(2)}, folder / "mine.pth")
    assert CheckpointLoader.load_checkpoint(url)["w"].tolist() == [1, 1]


def test_weights_with_another_content_than_their_name_says_are_refused(
    weights_of_nobody, tmp_path
):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"w": torch.ones(2)}, folder / "resnet50-0676ba61.pth")
    with pytest.raises(ValueError, match=r"expected 0676ba61\. It was changed or not"):
        CheckpointLoader.load_checkpoint(weights_of_nobody)


def test_a_star_in_a_name_stands_for_the_epoch_of_the_best_weights(tmp_path):
    best = tmp_path / "best_accuracy_top1_epoch_*.pth"
    torch.save({"epoch": 7}, tmp_path / "best_accuracy_top1_epoch_7.pth")
    torch.save({"epoch": 9}, tmp_path / "epoch_9.pth")
    assert CheckpointLoader.load_checkpoint(str(best), "cpu") == {"epoch": 7}
    torch.save({"epoch": 8}, tmp_path / "best_accuracy_top1_epoch_8.pth")
    with pytest.raises(ValueError, match=r"fits 2 files: best_\S+_7\.pth, best_\S+_8"):
        CheckpointLoader.load_checkpoint(str(best), "cpu")


def test_a_name_with_a_star_that_nothing_fits_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best_\*\.pth; its folder holds none"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "best_*.pth"), "cpu")
