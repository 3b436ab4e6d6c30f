"""Many experiments of one kind, and how often each rule names a winner."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mmleaves.calibration.draws import Draw, Recipe, Size, Source, draw_experiment
from mmleaves.calibration.rules import ALPHA, estimate, rules
from mmleaves.evidence.comparison import (
    equivalence_p,
    estimate_difference,
    guarded,
)
from mmleaves.evidence.outcomes import Outcomes
from mmleaves.evidence.paired_tests import holm, wilson_interval


@dataclass(frozen=True)
class Scenario:
    """What is compared, and how large the experiments are.

    Args:
        name: What it is called in tables.
        recipes: The recipes; A and B, or more for comparisons of several.
        size: How large an experiment is.
        gap: Whether B is truly worse: naming A is then right, and else an error.
        power: In what share of experiments A should then be named at the least, in
            percent.
    """

    name: str
    recipes: tuple[Recipe, ...]
    size: Size = field(default_factory=Size)
    gap: bool = False
    power: float = 80


@dataclass(frozen=True, eq=False)
class Study:
    """What came of many experiments.

    Args:
        scenario: What was compared.
        experiments: How many there were, N.
        named: Who was named by each rule in each experiment, (N,): 1 for A, -1 for B,
            0 for nobody.
        gaps: True gap measured on fresh images in each experiment, (N,), A less B;
            nan if the experiments have none.
        values: Estimated difference in each experiment, (N,).
        errors: Its standard error, (N,).
        intervals: Its 95 % interval, (N, 2).
    """

    scenario: Scenario
    experiments: int
    named: dict[str, np.ndarray]
    gaps: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    intervals: np.ndarray

    @property
    def true_gap(self) -> float:
        """Mean true gap, A less B; 0 where both are the same recipe."""
        a, b = self.scenario.recipes[:2]
        return 0.0 if a == b else float(self.gaps.mean())

    @property
    def cover(self) -> float:
        """Share of the 95 % intervals that hold the true gap."""
        low, high = self.intervals.T
        return float(np.mean((low <= self.true_gap) & (self.true_gap <= high)))

    def winners(self, rule: str) -> float:
        """Return the share of experiments in which a rule names anybody."""
        return float(np.mean(self.named[rule] != 0))

    def right(self, rule: str) -> float:
        """Return the share in which it names the one that is truly better, A."""
        return float(np.mean(self.named[rule] > 0))

    def wrong(self, rule: str) -> float:
        """Return the share in which it names the one that is truly worse, B."""
        return float(np.mean(self.named[rule] < 0))


def run_study(
    scenario: Scenario,
    source: Source,
    experiments: int,
    *,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Study:
    """Draw experiments, and ask every rule about each.

    Args:
        scenario: What to compare.
        source: Where images are drawn.
        experiments: How many experiments.
        seed: Seed of the study; the same one gives the same study.
        progress: Called after each experiment.
    """
    named: dict[str, list[int]] = {}
    gaps, found = [], []
    for draw in draws(scenario, source, experiments, seed):
        for rule, winner in rules(draw).items():
            named.setdefault(rule, []).append(winner)
        gaps.append(np.nan if draw.true is None else draw.true[0] - draw.true[1])
        found.append(estimate(draw))
        progress()
    return Study(
        scenario=scenario,
        experiments=experiments,
        named={rule: np.array(winners) for rule, winners in named.items()},
        gaps=np.array(gaps),
        values=np.array([one.value for one in found]),
        errors=np.array([one.se for one in found]),
        intervals=np.array([one.interval(0.95) for one in found]),
    )


def any_look(
    scenario: Scenario, source: Source, experiments: int, *, seed: int = 0
) -> np.ndarray:
    """Return for each number of repeats whether our rule names anybody, (N, R - 1).

    The columns are the looks after 2, 3 ... R repeats.
    """
    return np.array(
        [
            [
                estimate(draw, repeats=count).p <= ALPHA
                for count in range(2, scenario.size.repeats + 1)
            ]
            for draw in draws(scenario, source, experiments, seed)
        ]
    )


def best_of_several(
    scenario: Scenario, source: Source, experiments: int, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return whether any of all pairs is decided, without and with Holm's method.

    Both are (N,), bool.
    """
    plain, adjusted = [], []
    for draw in draws(scenario, source, experiments, seed):
        said = [Outcomes(right) for right in draw.right]
        p = np.array(
            [
                estimate_difference("accuracy", a, b, draw.design, 1)[0].p
                for i, a in enumerate(said)
                for b in said[i + 1 :]
            ]
        )
        plain.append((p <= ALPHA).any())
        adjusted.append((holm(p) <= ALPHA).any())
    return np.array(plain), np.array(adjusted)


def called_equal(
    scenario: Scenario, source: Source, experiments: int, *, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Return whether each would be called no difference that matters, and the margin.

    The margin is the true gap, for which the mean of all estimates stands: so each such
    verdict is wrong. (N,), bool.
    """
    found = [
        guarded(estimate(draw), draw.design.images, draw.design)
        for draw in draws(scenario, source, experiments, seed)
    ]
    margin = abs(float(np.mean([one.value for one in found])))
    return np.array([equivalence_p(one, margin) <= ALPHA for one in found]), margin


def draws(
    scenario: Scenario, source: Source, experiments: int, seed: int
) -> Iterator[Draw]:
    """Draw the experiments of a scenario, one after the other."""
    for number in range(experiments):
        yield draw_experiment(source, scenario.recipes, scenario.size, seed, number)


def monte_carlo_error(share: float, experiments: int) -> float:
    """Return how far the 95 % interval of a share of so many experiments goes from it.

    Of none or all of them it is Wilson's, as the usual one would be certain.
    """
    if share in (0, 1):
        low, high = wilson_interval(round(share * experiments), experiments)
        return high - low
    return 1.96 * float(np.sqrt(share * (1 - share) / experiments))
