"""What a calibration should find, held against what it found."""

from dataclasses import dataclass

from mmleaves.calibration.rules import OURS
from mmleaves.calibration.study import Study, monte_carlo_error

# Of fewer experiments, the true gap of two different recipes is itself a guess.
ENOUGH_FOR_THE_GAP = 20


@dataclass(frozen=True)
class Check:
    """A share of experiments, and where it should lie.

    Args:
        what: What was counted.
        share: The share that was found, 0 to 1.
        experiments: Of how many; of none, nothing was found.
        least: Smallest share that it should be, percent, or None.
        most: Largest share that it should be, percent, or None.
    """

    what: str
    share: float
    experiments: int
    least: float | None = None
    most: float | None = None

    @property
    def goal(self) -> str:
        """Where it should lie, in percent; empty if anywhere."""
        if self.least is None:
            return "" if self.most is None else f"≤ {self.most:g}"
        if self.most is None:
            return f"≥ {self.least:g}"
        return f"{self.least:g} to {self.most:g}"

    @property
    def missed(self) -> bool:
        """Whether it lies elsewhere by more than its Monte-Carlo error."""
        if not self.experiments:
            return False
        percent = 100 * self.share
        error = 100 * monte_carlo_error(self.share, self.experiments)
        too_low = self.least is not None and percent + error < self.least
        return too_low or (self.most is not None and percent - error > self.most)


def cover(study: Study) -> Check:
    """Return how many intervals of our rule hold the true gap."""
    what = f"{study.scenario.name}, 95 % intervals that hold the true gap"
    a, b = study.scenario.recipes[:2]
    is_known = a == b or study.experiments >= ENOUGH_FOR_THE_GAP
    goal = {"least": 93, "most": 99.5} if is_known else {}
    return Check(what, study.cover, study.experiments, **goal)


def winners(study: Study) -> Check:
    """Return how often our rule names a winner: seldom between equals, else often."""
    scenario = study.scenario
    what = f"{scenario.name}, named a winner"
    if not scenario.gap:
        return Check(what, study.winners(OURS), study.experiments, most=5)
    return Check(what, study.right(OURS), study.experiments, least=scenario.power)


def wrong_winners(study: Study) -> Check:
    """Return how often our rule names the one that is truly worse."""
    what = f"{study.scenario.name}, named the wrong one"
    return Check(what, study.wrong(OURS), study.experiments, most=0)


def study_checks(study: Study) -> list[Check]:
    """Return what our rule should do in a study, and did."""
    found = [cover(study), winners(study)]
    return [*found, wrong_winners(study)] if study.scenario.gap else found
