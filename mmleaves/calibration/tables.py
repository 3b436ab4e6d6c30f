"""The calibration's tables, in Markdown."""

from collections.abc import Sequence

import numpy as np

from mmleaves.calibration.goals import Check, cover, winners, wrong_winners
from mmleaves.calibration.rules import OURS, RULES
from mmleaves.calibration.study import Study, monte_carlo_error


def rule_table(studies: Sequence[Study]) -> str:
    """Return how often each rule names a winner, in percent, by scenario.

    Where one recipe is truly worse, the share that names it stands in brackets.
    """
    head = ["share of experiments that name a winner, %"]
    lines = [[*head, *(study.scenario.name for study in studies)]]
    for rule in RULES:
        cells = []
        for study in studies:
            cell = f"{100 * study.winners(rule):.1f}"
            if study.scenario.gap:
                cell = f"{100 * study.right(rule):.1f} ({100 * study.wrong(rule):.1f})"
            cells.append(f"**{cell}**" if rule == OURS else cell)
        lines.append([f"**{rule}**" if rule == OURS else rule, *cells])
    return _markdown(lines)


def interval_table(studies: Sequence[Study]) -> str:
    """Return whether our estimate, its error and its interval hold, by scenario."""
    lines = [["of this rule", *(study.scenario.name for study in studies)]]
    rows = {
        "true gap, points": lambda s: _with_error(
            100 * s.true_gap,
            0 if s.true_gap == 0 else 196 * s.gaps.std() / s.experiments**0.5,
        ),
        "mean estimate, points": lambda s: f"{100 * s.values.mean():.2f}",
        "its deviation, points": lambda s: f"{100 * s.values.std(ddof=1):.2f}",
        "mean standard error, points": lambda s: f"{100 * s.errors.mean():.2f}",
        "95 % intervals that hold the true gap, %": lambda s: _held(cover(s)),
        "named a winner, %": lambda s: _held(winners(s), s.winners(OURS)),
        "named the wrong one, of a true gap, %": lambda s: (
            _held(wrong_winners(s)) if s.scenario.gap else ""
        ),
    }
    for name, cell in rows.items():
        lines.append([name, *(cell(study) for study in studies)])
    return _markdown(lines)


def check_table(checks: Sequence[Check]) -> str:
    """Return further checks: what, found, and what it should be."""
    rows = [
        [one.what, _found(one), f"{one.goal}, missed" if one.missed else one.goal]
        for one in checks
    ]
    return _markdown([["check", "found, %", "goal, %"], *rows])


def missed_line(checks: Sequence[Check]) -> str:
    """Return which goals were missed, in a line; empty if none was."""
    missed = [
        f"{one.what}: {_found(one)} %, expected {one.goal} %"
        for one in checks
        if one.missed
    ]
    return f"Missed: {'; '.join(missed)}." if missed else ""


def _found(check: Check) -> str:
    # Of no forecast, say, nobody knows how many came true.
    return share(check.share, check.experiments) if check.experiments else "none"


def _held(check: Check, value: float | None = None) -> str:
    """Return what was found, or a value beside it, marked if the goal was missed."""
    text = share(check.share if value is None else value, check.experiments)
    return f"{text}, missed" if check.missed else text


def share(value: float, experiments: int) -> str:
    """Return a share in percent with half its 95 % interval."""
    return _with_error(100 * value, 100 * monte_carlo_error(value, experiments), 1)


def _with_error(value: float, error: float, digits: int = 2) -> str:
    text = f"{value + 0.0:.{digits}f}"
    return f"{text} ± {error:.{digits}f}" if error else text


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(line)} |" for line in lines]
    rows.insert(1, "|" + "---|" * len(lines[0]))
    return "\n".join(rows)


def mean_share(values: np.ndarray) -> str:
    """Return the share of true values, with half its 95 % interval."""
    return share(float(values.mean()), len(values))
