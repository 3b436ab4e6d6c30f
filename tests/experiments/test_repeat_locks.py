"""A lock is its process's own, and ends with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mmleaves.locks import hold, holder, is_held

HOLDER = """
import os, sys, time
from pathlib import Path
from mmleaves.locks import hold
with hold(Path(sys.argv[1])) as held:
    worker = os.fork()
    if worker:
        print(held, worker, flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_process_though_workers_live_on(tmp_path):
    path = tmp_path / "deep" / "run.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    held, worker = process.stdout.readline().split()
    try:
        assert held == "True"
        assert is_held(path)
        assert holder(path) == str(process.pid)
        with hold(path) as ours:
            assert not ours
        process.kill()
        process.wait()
        os.kill(int(worker), 0)  # it is there
        deadline = time.monotonic() + 5
        while is_held(path) and time.monotonic() < deadline:
            time.sleep(0.01)
        with hold(path) as ours:
            assert ours
    finally:
        process.kill()
        os.kill(int(worker), signal.SIGKILL)


LOOKER = """
import sys
from pathlib import Path
from mmleaves.locks import is_held
print("looks", flush=True)
while True:
    is_held(Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, to look is to take it")
def test_who_looks_at_a_lock_keeps_nobody_out(tmp_path):
    path = tmp_path / "run.lock"
    path.touch()
    command = [sys.executable, "-c", LOOKER, str(path)]
    looker = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        looker.stdout.readline()
        refused = 0
        for _ in range(3000):
            with hold(path) as ours:
                refused += not ours
    finally:
        looker.kill()
        looker.wait()
    assert refused == 0


def test_a_lock_that_nobody_holds_is_free(tmp_path):
    assert not is_held(tmp_path / "run.lock")
    with hold(tmp_path / "run.lock") as ours:
        assert ours
    assert not is_held(tmp_path / "run.lock")
