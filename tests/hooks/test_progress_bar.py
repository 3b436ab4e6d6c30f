import os
import pty
import subprocess
import sys

from tool_runs import ROOT


def test_a_terminal_shows_epochs_and_the_time_left(
    real_data, mobilenet_weights, tmp_path
):
    """In a pseudo-terminal; elsewhere the log lines have the time left."""
    config = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
    command = [sys.executable, ROOT / "tools" / "train.py", config]
    command += ["--work-dir", tmp_path, "--cfg-options", "train_cfg.max_epochs=2"]
    command += [f"dataset.data_root={real_data / 'leaf_uci_folders'}"]
    master, slave = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    run = subprocess.Popen(
        list(map(str, command)), stdout=slave, stderr=slave, cwd=ROOT, env=env
    )
    os.close(slave)
    screen = b""
    while True:
        try:
            read = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        screen += read
    os.close(master)
    assert run.wait(timeout=60) == 0, screen[-2000:]
    assert b"epoch 2/2" in screen
    assert b"left:" in screen
    # The log goes on above the bar.
    assert b"Epoch(val)" in screen
