"""Checks of our rule beyond the main table, on simulated images."""

from dataclasses import replace

from mmleaves.calibration.draws import Size
from mmleaves.calibration.forecast_study import try_forecasts
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
from mmleaves.calibration.tables import forecast_row, mean_share, share

LOOKS = 8
FORECAST_REPEATS = 12


def further_checks(experiments: int, seed: int) -> list[tuple[str, str, str]]:
    """Return rows of what, found and goal, in percent."""
    rows = []
    for scenario in SIMULATED[:4]:
        looks = any_look(
            looking(scenario, LOOKS), draw_images, experiments, seed=seed + 1
        )
        what = f"{scenario.name}, a winner at any look after 2 to {LOOKS} repeats"
        rows.append((what, mean_share(looks.any(axis=1)), "≤ 6"))
    # Why a plan draws a seed for each fold of a repeat, not one for all of them.
    alike = looking(SIMULATED[1], LOOKS)
    alike = replace(alike, size=replace(alike.size, shared_seed=True))
    looks = any_look(alike, draw_images, experiments, seed=seed + 1)
    what = f"{alike.name}, if one seed decided the same for all folds of a repeat"
    rows.append((f"{what}: after 3 repeats", mean_share(looks[:, 1]), ""))
    rows.append((f"{what}: at any look", mean_share(looks.any(axis=1)), ""))
    for images, goal in ((100, "≤ 6"), (200, "≤ 5")):
        size = Size(images=images, holdout=0, halves=False)
        scenario = Scenario("small", (TUNED, OTHER_SMALL), size)
        study = run_study(scenario, draw_images, experiments, seed=seed + 2)
        what = f"A=B, {images} images (true gap {100 * study.true_gap:.2f} points)"
        rows.append((what, share(study.winners(OURS), experiments), goal))
    same = Scenario("five", (TUNED,) * 5, PLAIN)
    plain, adjusted = best_of_several(same, draw_images, experiments, seed=seed + 3)
    rows.append(("5 identical recipes, any of 10 pairs", mean_share(plain), ""))
    rows.append(("the same with Holm's method", mean_share(adjusted), "≤ 5"))
    smaller = replace(SMALLER_GAP, size=PLAIN)
    found = any_look(looking(smaller, 3), draw_images, experiments, seed=seed + 4)
    rows.append(("4 points, named after 3 repeats", mean_share(found[:, -1]), "≥ 70"))
    equal, gap = called_equal(smaller, draw_images, experiments, seed=seed + 6)
    what = f"{100 * gap:.1f} points, called no difference within a margin as large"
    rows.append((what, mean_share(equal), "≤ 5"))
    pilots = try_forecasts(
        looking(SMALLER_GAP, FORECAST_REPEATS), draw_images, experiments, seed=seed + 5
    )
    rows.append(forecast_row(pilots))
    rows.append(
        (
            f"no forecast, decided by {FORECAST_REPEATS} repeats after all "
            f"({pilots.none} of {pilots.undecided})",
            share(pilots.decided_after_all / max(1, pilots.none), max(1, pilots.none)),
            "",
        )
    )
    return rows
