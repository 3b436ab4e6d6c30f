"""A run goes by its data, config and seed, wherever and whenever it is started."""

import json
import locale
import os
import shutil
import subprocess
import sys

import cv2
import pytest
import torch
from conftest import skip_unless_in_ci
from forked_runs import COMMANDS, run, said, write_run
from input_runs import CONFIG, SMALL, class_folders, train
from test_input_faults import HALVES
from tool_runs import ROOT, check

from mmleaves.commands import predict, test
from mmleaves.commands import train as train_command

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


@pytest.fixture
def in_turkish(tmp_path, monkeypatch):
    """The locale in which I is no capital of i, and 0.5 is written 0,5."""
    name = "tr_TR.UTF-8"
    if shutil.which("localedef") is None:
        skip_unless_in_ci("localedef, which makes a locale, is not installed")
    command = ["localedef", "-i", "tr_TR", "-f", "UTF-8", tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        skip_unless_in_ci(f"the Turkish locale cannot be made: {done.stderr.strip()}")
    monkeypatch.setenv("LOCPATH", str(tmp_path))
    monkeypatch.setenv("LC_ALL", name)


def train_test_predict(args):
    """In one process, which imports in Turkish what is not there yet."""
    config, data, folder = args
    loaders = [f"{part}_dataloader.dataset" for part in ("train", "val", "test")]
    options = [f"{loader}.pipeline.0.type=mmleaves.LoadImage" for loader in loaders]
    options = ["--cfg-options", *options, "train_cfg.max_epochs=1"]
    for name, comma in (("", "0,5"), ("C", "0.5")):
        locale.setlocale(locale.LC_ALL, name)
        assert locale.str(0.5) == comma
        work = f"{folder}/{name or 'tr'}"
        train_command.main([config, "--work-dir", work, *options])
        saved = f"{work}/epoch_1.pth"
        out = ["--work-dir", f"{work}/test", "--out", f"{work}/test.json"]
        test.main([config, saved, *out, *options])
        predict.main([config, saved, data, "--out", f"{work}/p.csv", *options])


def test_where_capitals_of_i_are_others_all_is_the_same(tmp_path, in_turkish):
    config, data = write_run(tmp_path, images=12), tmp_path / "data"
    kinds = (".JPG", ".jpg", ".JPEG", ".TIF", ".TIFF", ".BMP")
    for i, path in enumerate(sorted(data.glob("*/*.png"))):
        kind = kinds[i % len(kinds)]
        _, content = cv2.imencode(kind.lower(), cv2.imread(str(path)))
        path.with_name(f"I\u0130i\u0131 {path.stem}{kind}").write_bytes(content)
        path.unlink()
    (data / "dark").rename(data / "I\u011eDE i\u011fde")
    (data / "light").rename(data / "\u0131hlamur \u0130")
    COMMANDS["train, test, predict"] = train_test_predict

    args = ["train, test, predict", config, data, tmp_path]
    assert run(*args, log=tmp_path / "log") == 0, said(tmp_path / "log")
    found = []
    for work in (tmp_path / "tr", tmp_path / "C"):
        saved = torch.load(work / "epoch_1.pth", weights_only=True)
        names = ("test.json", "p.csv", "metrics.csv", "split.csv")
        files = [(work / name).read_text(encoding="utf-8") for name in names]
        found.append((saved["state_dict"], saved["meta"]["dataset_meta"], files))
    (theirs, *others), (ours, *plain) = found
    assert others == plain
    assert plain[0]["classes"] == ("I\u011eDE i\u011fde", "\u0131hlamur \u0130")
    assert plain[1][1].count("\n") == 13  # images, and a line above
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
