"""A lock is its process's own, and ends with it."""

import os
import signal
import subprocess
import sys
import time

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


def test_a_lock_that_nobody_holds_is_free(tmp_path):
    assert not is_held(tmp_path / "run.lock")
    with hold(tmp_path / "run.lock") as ours:
        assert ours
    assert not is_held(tmp_path / "run.lock")
