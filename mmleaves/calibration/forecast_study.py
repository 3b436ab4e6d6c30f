"""How forecasts of more repeats come true."""

from dataclasses import dataclass

from mmleaves.calibration.draws import Source
from mmleaves.calibration.rules import ALPHA, estimate
from mmleaves.calibration.study import Scenario, draws
from mmleaves.evidence.forecast import forecast


@dataclass(frozen=True)
class ForecastStudy:
    """How forecasts of more repeats came true.

    Args:
        undecided: Experiments that were undecided after two repeats.
        forecasts: Of these, those with a forecast of 1 to 6 more repeats.
        true: Of these, those decided within 1.5 times as many and one.
        none: Undecided ones without a forecast of up to 50 repeats.
        decided_after_all: Of these, those decided by the last repeat.
    """

    undecided: int
    forecasts: int
    true: int
    none: int
    decided_after_all: int


def try_forecasts(
    scenario: Scenario, source: Source, experiments: int, *, seed: int = 0
) -> ForecastStudy:
    """Forecast after two repeats, go on to the last, and count what came true."""
    counts = dict.fromkeys(ForecastStudy.__dataclass_fields__, 0)
    for draw in draws(scenario, source, experiments, seed):
        decided = [
            estimate(draw, repeats=count).p <= ALPHA
            for count in range(2, scenario.size.repeats + 1)
        ]
        if decided[0]:
            continue
        counts["undecided"] += 1
        pilot = draw.design.first(2)
        change = draw.right[0, :2].astype(float) - draw.right[1, :2]
        # No margin: only a winner ends it.
        said = forecast(change, estimate(draw, repeats=2), pilot, 1e-9)
        if said is None or said.repeats is None:
            counts["none"] += 1
            counts["decided_after_all"] += any(decided)
        elif said.repeats <= 6:
            counts["forecasts"] += 1
            last = int(1.5 * said.repeats) + 1
            counts["true"] += any(decided[1 : 1 + last])
    return ForecastStudy(**counts)
