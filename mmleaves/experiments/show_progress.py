"""Show how far an experiment is, and how long it will still take."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mmleaves.evidence.run_files import RUN
from mmleaves.evidence.whole_files import read_json
from mmleaves.experiments.locks import holder
from mmleaves.experiments.runs import LOCK, Run


def minutes_left(minutes: Sequence[float], runs_left: int, jobs: int) -> float | None:
    """Return about how long it will still take, or None before a run is done.

    Args:
        minutes: How long each run took that is done.
        runs_left: How many are not.
        jobs: How many are done at once.
    """
    if not minutes:
        return None
    return sum(minutes) / len(minutes) * runs_left / min(jobs, max(runs_left, 1))


def say_minutes(minutes: float) -> str:
    """Return a time as a person says it."""
    if minutes < 1:
        return f"{max(1, round(60 * minutes))} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


class ShowProgress(ExitStack):
    """Lines of what happens, and a bar below them where a terminal can show it.

    Args:
        runs: All runs of the experiment, those that are complete too.
        jobs: How many are done at once.
    """

    def __init__(self, runs: Sequence[Run], jobs: int) -> None:
        super().__init__()
        self._minutes = [_minutes(run) for run in runs if run.is_complete]
        self._total, self._done, self._jobs = len(runs), len(self._minutes), jobs
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> "ShowProgress":
        super().__enter__()
        if sys.stdout.isatty():
            self._bar = self.enter_context(
                Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[left]}"),
                    transient=True,
                )
            )
            self._task = self._bar.add_task(
                "runs", total=self._total, completed=self._done, left=self._left()
            )
        return self

    def started(self, run: Run) -> None:
        if self._bar:
            self._bar.update(self._task, description=run.name)

    def finished(self, run: Run, *, elsewhere: bool) -> None:
        minutes = _minutes(run)
        self._done += 1
        self._minutes.append(minutes)
        took = "by another process" if elsewhere else f"in {say_minutes(minutes)}"
        self._say(f"{run.name}: done {took}{self._left(', ')}")

    def failed(self, run: Run, reason: str) -> None:
        self._say(f"{run.name}: FAILED: {reason}")

    def waiting(self, runs: Sequence[Run]) -> None:
        for run in runs:
            number = holder(run.folder / LOCK)
            self._say(f"{run.name}: waiting for process {number}, which is at it")

    def _left(self, before: str = "") -> str:
        left = self._total - self._done
        minutes = minutes_left(self._minutes, left, self._jobs)
        if minutes is None or not left:
            return ""
        return f"{before}about {say_minutes(minutes)} left"

    def _say(self, text: str) -> None:
        line = f"[{self._done}/{self._total}] {text}"
        if self._bar:
            self._bar.update(self._task, completed=self._done, left=self._left())
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)


def _minutes(run: Run) -> float:
    return float(read_json(run.folder / RUN)["minutes"])
