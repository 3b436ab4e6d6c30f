"""Checks of our rule beyond the main table, on simulated images."""

from dataclasses import replace

import numpy as np

from mmleaves.calibration.draws import Size
from mmleaves.calibration.forecast_study import ForecastStudy, try_forecasts
from mmleaves.calibration.goals import Check
from mmleaves.calibration.mixture import draw_images
from mmleaves.calibration.rules import OURS
from mmleaves.calibration.scenarios import (
    OTHER_SMALL,
    PLAIN,
    SIMULATED,
    SMALLER_GAP,
    TUNED,
    looking,
)
from mmleaves.calibration.study import (
    Scenario,
    any_look,
    best_of_several,
    called_equal,
    run_study,
)

LOOKS = 8
FORECAST_REPEATS = 12


def further_checks(experiments: int, seed: int) -> list[Check]:
    """Return what our rule does beyond the main table, and what it should."""
    checks = []
    for scenario in SIMULATED[:4]:
        looks = any_look(
            looking(scenario, LOOKS), draw_images, experiments, seed=seed + 1
        )
        what = f"{scenario.name}, a winner at any look after 2 to {LOOKS} repeats"
        checks.append(_counted(what, looks.any(axis=1), most=6))
    # Why a plan draws a seed for each fold of a repeat, not one for all of them.
    alike = looking(SIMULATED[1], LOOKS)
    alike = replace(alike, size=replace(alike.size, shared_seed=True))
    looks = any_look(alike, draw_images, experiments, seed=seed + 1)
    what = f"{alike.name}, if one seed decided the same for all folds of a repeat"
    checks.append(_counted(f"{what}: after 3 repeats", looks[:, 1]))
    checks.append(_counted(f"{what}: at any look", looks.any(axis=1)))
    for images, most in ((100, 6), (200, 5)):
        size = Size(images=images, holdout=0, halves=False)
        scenario = Scenario("small", (TUNED, OTHER_SMALL), size)
        study = run_study(scenario, draw_images, experiments, seed=seed + 2)
        what = f"A=B, {images} images (true gap {100 * study.true_gap:.2f} points)"
        checks.append(_counted(what, study.named[OURS] != 0, most=most))
    same = Scenario("five", (TUNED,) * 5, PLAIN)
    plain, adjusted = best_of_several(same, draw_images, experiments, seed=seed + 3)
    checks.append(_counted("5 identical recipes, any of 10 pairs", plain))
    checks.append(_counted("the same with Holm's method", adjusted, most=5))
    smaller = replace(SMALLER_GAP, size=PLAIN)
    found = any_look(looking(smaller, 3), draw_images, experiments, seed=seed + 4)
    checks.append(_counted("4 points, named after 3 repeats", found[:, -1], least=70))
    equal, gap = called_equal(smaller, draw_images, experiments, seed=seed + 6)
    what = f"{100 * gap:.1f} points, called no difference within a margin as large"
    checks.append(_counted(what, equal, most=5))
    pilots = try_forecasts(
        looking(SMALLER_GAP, FORECAST_REPEATS), draw_images, experiments, seed=seed + 5
    )
    return [*checks, *forecast_checks(pilots)]


def forecast_checks(pilots: ForecastStudy) -> list[Check]:
    """Return how often forecasts came true, and what came of those without one."""
    return [
        Check(
            "forecasts of 1 to 6 more repeats that came true within 1.5 times as many "
            f"and one ({pilots.forecasts} of {pilots.undecided} undecided after two)",
            pilots.true / max(1, pilots.forecasts),
            pilots.forecasts,
            least=85,
        ),
        Check(
            f"no forecast, decided by {FORECAST_REPEATS} repeats after all "
            f"({pilots.none} of {pilots.undecided})",
            pilots.decided_after_all / max(1, pilots.none),
            pilots.none,
        ),
    ]


def _counted(what: str, values: np.ndarray, **goal: float) -> Check:
    """Return the share of true values, (N,), held against a goal as of `Check`."""
    return Check(what, float(values.mean()), len(values), **goal)
