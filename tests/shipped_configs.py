"""The shipped configs, as the tests read them, and what their headers say."""

import copy
import re
from functools import cache
from pathlib import Path

from mmengine.config import Config
from tool_runs import ROOT

from mmleaves.config import load_config

CONFIGS = sorted(ROOT.glob("configs/[!_]*.py"))


@cache
def _read(path: Path) -> Config:
    return load_config(str(path), import_custom_modules=False)


def load(path: Path) -> Config:
    return copy.deepcopy(_read(path))  # for tests that change it


def header(path: Path) -> str:
    return path.read_text().split('"""')[1]


def row(path: Path) -> str:
    """Return which row of experiments.md a header names, or which table; "" if none."""
    named = re.search(r"\(experiments\.md, (\d(?:\.\d)?)\)", one_line(header(path)))
    return named[1] if named else ""


def theirs(path: Path) -> str:
    """Return what a header gives as the notes' figure."""
    found = re.search(
        r"Theirs: (.+?)(?: \(experiments\.md, [\d.]+\))?\. ", one_line(header(path))
    )
    return found[1]


def one_line(text: str) -> str:
    return " ".join(text.split())
