"""A few mutated files in each run of the tests; thousands by the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing.run import try_case
from tool_runs import ROOT


def test_mutated_files_are_accepted_rightly_or_refused_by_our_own_errors():
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "tests/fuzzing/run.py",
            "--cases",
            "240",
            "--seed",
            "1",
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        *("image", "table", "folders", "checkpoints")
    ]
    for line in lines:
        accepted, refused = (int(line.split()[place]) for place in (1, 3))
        assert accepted > 0 and refused > 0 and accepted + refused == 60, line


# What once was none of both, by kind and number, with seed 0.
FOUND = {
    ("image", 568): "a JPEG without its end marker: refused by its header, yet read",
    ("image", 737): "a PNG with a chunk that says to have half a gigabyte",
    ("image", 1810): "a PNG without its last chunk: refused by its header, yet read",
    ("checkpoints", 1): "a pointer that is no UTF-8: UnicodeDecodeError",
}


@pytest.mark.parametrize(("kind", "number"), FOUND)
def test_what_was_found_once_is_found_no_more(tmp_path, kind, number):
    outcome, why = try_case(kind, 0, number, Path(tmp_path))
    assert outcome in ("accepted", "refused"), why
