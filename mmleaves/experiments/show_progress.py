"""Show how far an experiment is, and how long it will still take."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mmleaves.evidence.json_files import read_json
from mmleaves.evidence.run_files import RUN
from mmleaves.experiments.runs import LOCK, Run
from mmleaves.locks import holder


def minutes_left(
    took: Mapping[str, Sequence[float]], left: Sequence[str], jobs: int
) -> float | None:
    """Return about how long it will still take, or None before a run is done.

    Args:
        took: Minutes of each run that is done, by its config.
        left: The config of each run that is not.
        jobs: How many are done at once.
    """
    known = {config: sum(some) / len(some) for config, some in took.items() if some}
    if not known or not left:
        return None
    usual = sum(known.values()) / len(known)
    return sum(known.get(config, usual) for config in left) / min(jobs, len(left))


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
        self._took: dict[str, list[float]] = {}
        self._left = {run.folder: run.config for run in runs}
        self._total, self._jobs = len(runs), jobs
        self._lost: set[Path] = set()  # runs that failed or will not be started
        for run in runs:
            if run.is_complete:
                self._count(run)
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
                "runs", total=self._total, completed=self._done, left=self._say_left()
            )
        return self

    def started(self, run: Run) -> None:
        if self._bar:
            self._bar.update(self._task, description=run.name)

    def finished(self, run: Run, *, elsewhere: bool) -> None:
        minutes = self._count(run)
        took = "by another process" if elsewhere else f"in {say_minutes(minutes)}"
        self._say(f"{run.name}: done {took}{self._say_left(', ')}")

    def failed(self, run: Run, reason: str) -> None:
        self._lost.add(run.folder)
        self._say(f"{run.name}: FAILED: {reason}")

    def given_up(self, run: Run) -> None:
        self._lost.add(run.folder)

    def waiting(self, runs: Sequence[Run]) -> None:
        for run in runs:
            number = holder(run.folder / LOCK)
            self._say(f"{run.name}: waiting for process {number}, which is at it")

    @property
    def _done(self) -> int:
        return self._total - len(self._left)

    def _count(self, run: Run) -> float:
        minutes = float(read_json(run.folder / RUN)["minutes"])
        # Another process may have completed it before it was this one's turn.
        if self._left.pop(run.folder, None):
            self._took.setdefault(run.config, []).append(minutes)
        return minutes

    def _say_left(self, before: str = "") -> str:
        left = [c for folder, c in self._left.items() if folder not in self._lost]
        minutes = minutes_left(self._took, left, self._jobs)
        return "" if minutes is None else f"{before}about {say_minutes(minutes)} left"

    def _say(self, text: str) -> None:
        line = f"[{self._done}/{self._total}] {text}"
        if self._bar:
            self._bar.update(self._task, completed=self._done, left=self._say_left())
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)
