import dataclasses

import numpy as np
import pytest

from mmleaves.calibration.checks import forecast_checks
from mmleaves.calibration.forecast_study import ForecastStudy
from mmleaves.calibration.goals import Check, cover, study_checks
from mmleaves.calibration.rules import OURS
from mmleaves.calibration.scenarios import SIMULATED
from mmleaves.calibration.study import Study, monte_carlo_error
from mmleaves.calibration.tables import check_table, interval_table, missed_line
from mmleaves.commands.calibrate import main


def test_a_goal_is_missed_only_beyond_the_monte_carlo_error():
    # 7 % of 1,000 is 7 ± 1.6, and of 100 it is 7 ± 5.
    assert Check("", 0.07, 1000, most=5).missed
    assert not Check("", 0.07, 100, most=5).missed
    assert not Check("", 0.03, 1000, most=5).missed
    assert Check("", 0.6, 1000, least=70).missed
    assert not Check("", 0.9, 1000, least=70).missed
    both = {"least": 93, "most": 99.5}
    missed = [Check("", share, 1000, **both).missed for share in (0.9, 0.98, 1.0)]
    assert missed == [True, False, True]
    assert not Check("", 0.5, 1000).missed


def test_a_goal_is_written_as_it_is_meant():
    goals = [{"most": 5}, {"least": 85}, {"least": 93, "most": 99.5}, {}]
    expected = ["≤ 5", "≥ 85", "93 to 99.5", ""]
    assert [Check("", 0.5, 9, **goal).goal for goal in goals] == expected


def test_none_and_all_of_some_experiments_are_not_certain():
    # Wilson's interval of 0 of 500 is 0 to 0.76 %.
    for share in (0.0, 1.0):
        assert monte_carlo_error(share, 500) == pytest.approx(0.0076, abs=5e-5)
    assert monte_carlo_error(0.05, 1000) == pytest.approx(0.0135, abs=5e-5)


def study(scenario, named):
    """A study of 200 experiments whose intervals hold every gap within 0.1."""
    return Study(
        scenario=scenario,
        experiments=200,
        named={OURS: np.array(named)},
        gaps=np.full(200, 0.05 if scenario.gap else 0.0),
        values=np.zeros(200),
        errors=np.ones(200),
        intervals=np.array([[0.2, 0.3]] * 6 + [[-0.1, 0.1]] * 194),
    )


def test_the_rows_of_the_main_table_have_goals():
    equal, worse = SIMULATED[0], SIMULATED[4]
    good = [study(equal, [1] * 6 + [0] * 194), study(worse, [1] * 180 + [0] * 20)]
    assert not any(one.missed for part in good for one in study_checks(part))
    assert "missed" not in interval_table(good)
    bad = [study(equal, [1] * 40 + [0] * 160), study(worse, [1] * 100 + [-1] * 100)]
    missed = [one.what for part in bad for one in study_checks(part) if one.missed]
    assert missed == [
        "A/A tuned, named a winner",
        "5 points tuned, named a winner",
        "5 points tuned, named the wrong one",
    ]
    assert "| 20.0 ± 5.5, missed |" in interval_table(bad)
    # On real features less is asked for.
    real = study(dataclasses.replace(worse, power=80), [1] * 150 + [0] * 50)
    assert not any(one.missed for one in study_checks(real))


def test_of_few_experiments_the_true_gap_is_no_measure():
    few = {"experiments": 3, "gaps": np.full(3, 0.09), "intervals": np.ones((3, 2))}
    worse, same = (
        dataclasses.replace(study(SIMULATED[place], [1] * 3), **few) for place in (4, 0)
    )
    assert worse.cover == same.cover == 0
    assert [cover(worse).missed, cover(same).missed] == [False, True]
    many = dataclasses.replace(worse, experiments=20)
    assert cover(many).missed


def test_a_missed_goal_is_marked_and_named():
    checks = [Check("looks", 0.1, 1000, most=6), Check("power", 0.9, 1000, least=70)]
    table = check_table(checks)
    assert "| looks | 10.0 ± 1.9 | ≤ 6, missed |" in table
    assert "| power | 90.0 ± 1.9 | ≥ 70 |" in table
    assert missed_line(checks) == "Missed: looks: 10.0 ± 1.9 %, expected ≤ 6 %."
    assert missed_line(checks[1:]) == ""


def test_without_a_forecast_none_came_true_and_none_is_missed():
    checks = forecast_checks(ForecastStudy(4, 0, 0, 4, 2))
    assert not any(one.missed for one in checks)
    assert "| none | ≥ 85 |" in check_table(checks)
    assert "| 50.0 ± 49.0 |  |" in check_table(checks)


def test_the_command_ends_with_1_where_a_goal_is_missed(capsys):
    # One experiment, in which 5 points are not seen.
    with pytest.raises(SystemExit) as end:
        main(["--experiments", "1", "--quick", "--seed", "5"])
    assert end.value.code == 1
    said = capsys.readouterr()
    assert ", missed |" in said.out
    assert "5 points scratch, named a winner: 0.0 ± 79.3 %, expected ≥ 85 %" in said.err
