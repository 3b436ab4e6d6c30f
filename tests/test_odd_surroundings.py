"""A run goes by its data, config and seed, wherever and whenever it is started."""

import json
import os
import subprocess
import sys

import torch
from input_runs import CONFIG, SMALL, class_folders, train
from test_input_faults import HALVES
from tool_runs import ROOT, check

# The clock goes back a day with every other look at it.
JUMPS = """
import itertools, time
_time, _turns = time.time, itertools.count()
time.time = lambda: _time() - 86_400 * (next(_turns) % 2)
"""


def test_zone_locale_folder_home_terminal_and_clock_change_nothing(tmp_path):
    data = class_folders(tmp_path / "data", ("\u00e9rable", "\u94f6\u674f"), 8)
    check(train(data, tmp_path / "here", *HALVES))
    elsewhere = tmp_path / "else where"
    (elsewhere / "site").mkdir(parents=True)
    (elsewhere / "site" / "sitecustomize.py").write_text(JUMPS)
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    env |= {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{elsewhere / 'site'}:{ROOT}",
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mmleaves.cli", "train", CONFIG),
            *("--work-dir", "there", "--no-pretrained", "--cfg-options"),
            *("dataset.data_root=../data", *SMALL, *HALVES),
        ],
        cwd=elsewhere,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert b"\x1b[" not in done.stdout + done.stderr  # nothing is drawn into a file
    found = []
    for folder in (tmp_path / "here", elsewhere / "there"):
        saved = torch.load(folder / "epoch_2.pth", weights_only=True)
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        found.append((saved["state_dict"], record["classes"], record["last_epoch"]))
    (ours, *here), (theirs, *there) = found
    assert here == there
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
