"""Features on disk: found again, by other processes, after a kill."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from mmleaves.cache.feature_store import KEY_BYTES, FeatureStore


def key(number):
    return number.to_bytes(KEY_BYTES, "little")


def rows(*numbers):
    return torch.tensor(numbers, dtype=torch.bfloat16)[:, None].expand(-1, 3)


def test_rows_come_back_in_the_order_asked_for(tmp_path):
    store = FeatureStore(tmp_path)
    store.add([key(1), key(2)], [rows(10, 20), torch.tensor([[1], [2]])])
    store.add([key(3)], [rows(30), torch.tensor([[3]])])
    for again in (store, FeatureStore(tmp_path)):
        features, others = again.take([key(3), key(1), key(3)])
        assert torch.equal(features, rows(30, 10, 30))
        assert features.dtype == torch.bfloat16
        assert others.flatten().tolist() == [3, 1, 3]
        assert len(again) == 3
        assert key(2) in again
        assert key(4) not in again


def test_what_another_process_adds_is_found(tmp_path):
    store = FeatureStore(tmp_path)
    FeatureStore(tmp_path).add([key(1)], [rows(10)])
    assert key(1) not in store
    store.refresh()
    assert torch.equal(store.take([key(1)])[0], rows(10))


def test_equal_rows_of_two_processes_do_no_harm(tmp_path):
    for _ in range(2):
        FeatureStore(tmp_path).add([key(1)], [rows(10)])
    store = FeatureStore(tmp_path)
    assert len(store) == 1
    assert torch.equal(store.take([key(1)])[0], rows(10))


WRITER = """
import sys
from pathlib import Path
import torch
from mmleaves.cache.feature_store import KEY_BYTES, FeatureStore

store = FeatureStore(Path(sys.argv[1]))
for number in range(10**6):
    value = torch.full((200, 5000), float(number))
    keys = [(200 * number + i).to_bytes(KEY_BYTES, "little") for i in range(200)]
    store.add(keys, [value])
    print(number, flush=True)
"""


def test_a_killed_process_leaves_only_whole_rows(tmp_path):
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, text=True
        )
        written = int(writer.stdout.readline())
        time.sleep(0.003 * attempt)
        writer.send_signal(signal.SIGKILL)
        written += len(writer.communicate()[0].split())
        store = FeatureStore(folder)
        # The last may have come to its place unsaid.
        assert len(store) // 200 in (written + 1, written + 2)
        for number in range(len(store) // 200):
            (values,) = store.take([key(200 * number), key(200 * number + 199)])
            assert torch.equal(values, torch.full((2, 5000), float(number)))
        for path in folder.glob("*.unfinished"):
            os.utime(path, (0, 0))
        store.sweep()
        assert not list(folder.glob("*.unfinished"))


def test_what_is_being_written_is_not_swept_even_if_another_machine_does(tmp_path):
    store = FeatureStore(tmp_path)
    fresh, old = tmp_path / "0.unfinished", tmp_path / "1.unfinished"
    fresh.touch()
    old.touch()
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    store.sweep()
    assert fresh.is_file()
    assert not old.exists()


def test_a_damaged_file_is_named(tmp_path):
    FeatureStore(tmp_path).add([key(1)], [rows(10)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=rf"{path.name}: found a damaged file of feat"):
        FeatureStore(tmp_path)
