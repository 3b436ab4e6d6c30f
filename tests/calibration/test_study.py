"""The calibration in a small form: it fails where the rule names too many winners."""

import dataclasses
import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mmleaves.calibration.features import FeatureSubset, read_features
from mmleaves.calibration.forecast_study import try_forecasts
from mmleaves.calibration.matching import match
from mmleaves.calibration.mixture import draw_images
from mmleaves.calibration.rules import OURS
from mmleaves.calibration.scenarios import PLAIN, SIMULATED, real_scenarios
from mmleaves.calibration.study import (
    any_look,
    best_of_several,
    called_equal,
    run_study,
)
from mmleaves.commands.calibrate import main

EXPERIMENTS = 250
# Half as many again as 5 %, which chance alone exceeds in 4 of 100 studies if the rule
# is at its limit; it is at 2 %.
MOST = 0.075


@functools.cache
def study_of(name):
    (scenario,) = [scenario for scenario in SIMULATED if scenario.name == name]
    count = EXPERIMENTS // 2 if scenario.gap else EXPERIMENTS
    plain = dataclasses.replace(scenario, size=PLAIN)
    return run_study(plain, draw_images, count, seed=20)


@pytest.mark.parametrize("name", ["A/A tuned", "A=B backbones", "A=B algorithms"])
def test_our_rule_names_few_winners_where_there_is_none(name):
    study = study_of(name)
    assert study.winners(OURS) <= MOST
    low, high = study.intervals.T
    # The true gaps, within 0.1 points of 0, were measured beforehand.
    assert np.mean((low <= 0) & (high >= 0)) >= 0.925


@pytest.mark.parametrize(
    "rule",
    [
        "5 folds once, the higher mean wins",
        "paired t test, all runs",
        "exact McNemar, repeats stacked",
        "P(A > B) over runs, bootstrapped",
    ],
)
def test_the_same_bound_catches_rules_that_name_too_many(rule):
    assert study_of("A=B backbones").winners(rule) > MOST


def test_a_gap_of_5_points_is_found_and_never_turned_round():
    study = study_of("5 points tuned")
    assert study.right(OURS) >= 0.8
    assert study.wrong(OURS) == 0


def test_several_identical_recipes_and_looks_are_counted():
    five = dataclasses.replace(
        SIMULATED[0], recipes=SIMULATED[0].recipes[:1] * 5, size=PLAIN
    )
    plain, adjusted = best_of_several(five, draw_images, 10)
    assert (plain >= adjusted).all()
    equal, margin = called_equal(
        dataclasses.replace(SIMULATED[4], size=PLAIN), draw_images, 40
    )
    assert margin == pytest.approx(0.05, abs=0.01)
    assert equal.mean() <= 0.1
    size = dataclasses.replace(PLAIN, repeats=4)
    scenario = dataclasses.replace(SIMULATED[4], size=size)
    looks = any_look(scenario, draw_images, 10)
    assert looks.shape == (10, 3)
    assert looks[:, -1].mean() > 0.5
    found = try_forecasts(scenario, draw_images, 10)
    assert found.undecided == np.sum(~looks[:, 0])
    assert found.true <= found.forecasts <= found.undecided


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Real images, 1,797 of them, whose pixels are the features."""
    data = load_digits()
    path = tmp_path_factory.mktemp("features") / "digits.npz"
    np.savez(path, features=data.data.astype(np.float32), labels=data.target)
    return path


def test_real_features_are_matched_to_the_wanted_gaps(digits):
    pool = read_features(str(digits))
    same, equal, worse = real_scenarios(pool, draws=80)
    assert same.recipes[0] == same.recipes[1]
    studies = [run_study(scenario, pool, 30) for scenario in (equal, worse)]
    assert abs(studies[0].true_gap) < 0.01
    assert studies[1].true_gap == pytest.approx(0.05, abs=0.015)
    assert studies[1].wrong(OURS) == 0


def test_the_candidate_next_to_the_gap_is_chosen(digits):
    pool = read_features(str(digits))
    base = FeatureSubset(32, 0.1)
    size = dataclasses.replace(PLAIN, fresh=500)
    candidates = [FeatureSubset(n, 0.1) for n in (8, 16, 31)]
    assert match(pool, base, candidates, 0.0, size=size, draws=16).features == 31
    assert match(pool, base, candidates, 0.5, size=size, draws=16).features == 8


def test_the_command_prints_a_table_that_its_seed_decides(capsys):
    tables = []
    for _ in range(2):
        main(["--experiments", "3", "--quick", "--seed", "4"])
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
    assert f"| **{OURS}** |" in tables[0]
    assert "| true gap, points | 0.00 | 0.00 |" in tables[0]


@pytest.mark.slow
def test_the_command_takes_real_features(capsys, digits):
    main(["--experiments", "2", "--features", str(digits)])
    text = capsys.readouterr().out
    assert "| A/A | A=B | 5 points |" in text
    assert "A=B: FeatureSubset(features=30, ridge=0.1, power=1.0), Feature" in text


def test_other_files_are_refused(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="no file of features"):
        read_features(str(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("features")
    with pytest.raises(ValueError, match=r"found no \.npz file of arrays"):
        read_features(str(tmp_path / "text.npz"))
    np.savez(tmp_path / "short.npz", features=np.ones((9, 20)), labels=np.arange(8))
    with pytest.raises(
        ValueError, match=r"features float64 \(9, 20\), labels .* \(8,\)"
    ):
        read_features(str(tmp_path / "short.npz"))
    rng = np.random.default_rng(0)
    few = {"features": rng.normal(size=(600, 20)), "labels": np.arange(600) % 3}
    np.savez(tmp_path / "few.npz", **few)
    with pytest.raises(ValueError, match="found 600 images, expected 961 or more"):
        real_scenarios(read_features(str(tmp_path / "few.npz")))
    np.savez(tmp_path / "few.npz", **few | {"features": rng.normal(size=(600, 5))})
    with pytest.raises(ValueError, match="found 5 features, expected 16 or more"):
        real_scenarios(read_features(str(tmp_path / "few.npz")))
    with pytest.raises(SystemExit):
        main(["--experiments", "0"])
    assert "--experiments is 0, expected 1 or more" in capsys.readouterr().err
