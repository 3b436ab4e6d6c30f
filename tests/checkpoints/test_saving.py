"""What is written is read back, byte by byte, before it takes a checkpoint's place."""

import hashlib
import io

import pytest
import torch

from mmleaves.checkpoints import saving
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import DamagedCheckpointError, listed
from mmleaves.checkpoints.saving import _holds, write_checkpoint

PIECE = 1 << 20
CONTENT = bytes(range(256)) * (2 * PIECE // 256)


@pytest.mark.parametrize("place", [0, PIECE - 1, PIECE, 2 * PIECE - 1])
def test_one_bit_is_seen_wherever_it_is(tmp_path, place):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert _holds(path, memoryview(CONTENT))
    other = bytearray(CONTENT)
    other[place] ^= 1
    path.write_bytes(other)
    assert not _holds(path, memoryview(CONTENT))


@pytest.mark.parametrize("length", [0, 1, PIECE, 2 * PIECE - 1, 2 * PIECE + 1])
def test_another_length_is_seen(tmp_path, length):
    path = tmp_path / "file"
    path.write_bytes((CONTENT + CONTENT)[:length])
    assert not _holds(path, memoryview(CONTENT))


def test_what_cannot_be_loaded_does_not_take_the_place_of_what_can(tmp_path):
    path, file = tmp_path / "epoch_1.pth", io.BytesIO()
    torch.save({"state_dict": {"w": torch.ones(3)}}, file)
    write_checkpoint(file.getbuffer(), path)
    before = path.read_bytes(), listed(tmp_path)
    with pytest.raises(DamagedCheckpointError, match="not a readable checkpoint"):
        write_checkpoint(memoryview(file.getvalue()[:-100]), path)
    assert (path.read_bytes(), listed(tmp_path)) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoints.json",
        "epoch_1.pth",
    ]


def test_without_a_map_or_a_thread_it_is_saved_all_the_same(tmp_path, monkeypatch):
    """As on a file system that maps no files, and under a limit on threads."""

    def load(name, device, *, mmap=False):
        if mmap:
            raise DamagedCheckpointError("unable to mmap 1000 bytes")
        return load_from_local(name, device)

    def submit(*args):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(saving, "load_from_local", load)
    monkeypatch.setattr(saving.ThreadPoolExecutor, "submit", submit)
    path, file = tmp_path / "epoch_1.pth", io.BytesIO()
    torch.save({"state_dict": {"w": torch.ones(3)}}, file)
    write_checkpoint(file.getbuffer(), path)
    (entry,) = listed(tmp_path)
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DamagedCheckpointError, match="not a readable checkpoint"):
        write_checkpoint(memoryview(file.getvalue()[:-100]), tmp_path / "epoch_2.pth")
