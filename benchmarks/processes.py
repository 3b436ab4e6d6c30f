"""Runs a command and measures it from outside: seconds, and the most memory."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Args:
        seconds: From its start to its end.
        peak_mb: Most memory that it held, and most that its children held besides,
            what they share counted once, 10^6 bytes. The children's is looked at every
            five seconds.
        log: What it printed.
    """

    seconds: float
    peak_mb: float
    log: str


def run(
    command: Sequence[str | Path], env: Mapping[str, str], folder: Path
) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: If it fails; with what it printed last.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watch = _MemoryWatch(process.pid)
    try:
        log = process.communicate()[0]
        seconds = time.perf_counter() - begin
    finally:
        peak_mb = watch.stop()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{log[-3000:]}")
    return Measured(seconds, peak_mb, log)


def whole(measured: Measured) -> float:
    """Return the seconds of the whole process."""
    return measured.seconds


class _MemoryWatch:
    """Looks how much memory the processes of a session hold.

    The first process's most is known to the kernel. What the others hold, and what of
    it is shared with the first, is added up seldom: for a process of 3 GB the kernel
    takes 30 ms to say it, and ten times a second that made trainings with two threads
    half as fast.
    """

    _BETWEEN = 5  # seconds

    def __init__(self, session: int) -> None:
        self._session, self._over = session, threading.Event()
        self._first_kb = self._others_kb = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        first, due = Path("/proc", str(self._session)), 0.0
        while not self._over.wait(0.2):
            self._first_kb = max(self._first_kb, _kb(first / "status", "VmHWM"))
            if time.monotonic() >= due:
                due = time.monotonic() + self._BETWEEN
                each = [_kb(p / "smaps_rollup", "Pss") for p in self._processes()]
                others = sum(each) - _kb(first / "status", "VmRSS")
                self._others_kb = max(self._others_kb, others)

    def _processes(self) -> list[Path]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                # After the name in brackets: state, parent, group, session.
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # gone since
            if int(fields[3]) == self._session:
                found.append(path)
        return found

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return (self._first_kb + self._others_kb) * 1024 / 1e6


def _kb(file: Path, name: str) -> int:
    try:
        text = file.read_text()
    except OSError:
        return 0  # gone since
    match = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) if match else 0


_LINE = re.compile(
    r"^(\d\d/\d\d \d\d:\d\d:\d\d) .*Epoch\((train|val)\)\s+\[(\d+)\]\[\s*(\d+)/(\d+)\]"
    r"(?:.*?\btime: ([\d.]+))?",
    re.MULTILINE,
)


def seconds_per_iteration(log: str) -> float:
    """Return the mean of the times of the second epoch's iterations, loading included,
    in a log of each, but for the last, whose batch may be smaller.

    Epochs are many, and the first is like no other: workers start, memory is found,
    and images may be kept. A mean, as batches may come two at a time.
    """
    lines = [m for m in _LINE.finditer(log) if m[2] == "train" and m[3] == "2"]
    numbers = [int(m[4]) for m in lines]
    if len(lines) < 2 or numbers != list(range(1, int(lines[0][5]) + 1)):
        raise RuntimeError(f"no whole second epoch in the log:\n{log[-2000:]}")
    return mean(float(m[6]) for m in lines[:-1])


_TIMM = re.compile(r"Train: (\d+) \[ *(\d+)/(\d+) .*?Time: ([\d.]+)s")


def seconds_per_iteration_of_timm(log: str) -> float:
    """Return the same from a log of timm's train.py, which counts from 0."""
    lines = [m for m in _TIMM.finditer(log) if m[1] == "1"]
    if len(lines) < 2 or len(lines) != int(lines[0][3]):
        raise RuntimeError(f"no whole second epoch in the log:\n{log[-2000:]}")
    return mean(float(m[4]) for m in lines[:-1])


def seconds_per_epoch(log: str) -> float:
    """Return the time from the end of the first epoch's validation to that of the last,
    by the epoch.
    """
    # Of the last iteration there may be two lines, the second with the scores.
    by_epoch = {
        int(m[3]): datetime.strptime(m[1], "%m/%d %H:%M:%S")
        for m in _LINE.finditer(log)
        if m[2] == "val" and m[4] == m[5]
    }
    ends = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    if len(ends) < 2:
        raise RuntimeError(f"fewer than two epochs in the log:\n{log[-2000:]}")
    return (ends[-1] - ends[0]).total_seconds() / (len(ends) - 1)


def final_score(log: str) -> float:
    """Return the top-1 accuracy of the last validation, percent."""
    scores = re.findall(r"Epoch\(val\) .*?accuracy/top1: ([\d.]+)", log)
    if not scores:
        raise RuntimeError(f"no score in the log:\n{log[-2000:]}")
    return float(scores[-1])
