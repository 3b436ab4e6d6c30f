"""Curves of the runs, and what choosing an epoch would have added."""

import pytest
from report.real_experiments import busi, write_experiment

from mmleaves.evidence.gather import gather
from mmleaves.report.curves import choice_gains, read_curves
from mmleaves.report.scored import score


@pytest.fixture
def experiment(real_data, tmp_path):
    paths, truth = busi(real_data, most=20)
    options = {"recipes": ("coarse",), "folds": 2, "repeats": 2}
    write_experiment(tmp_path, paths, truth, ["benign", "malignant"], **options)
    return tmp_path


def test_every_run_has_a_curve_of_what_it_measured(experiment):
    found = read_curves(gather([str(experiment)]).runs)
    assert set(found) == {"train/loss", "train/accuracy"}
    assert [len(curves) for curves in found.values()] == [4, 4]
    assert found["train/loss"][0].epochs == tuple(range(1, 9))


def test_what_training_left_is_found_and_long_curves_are_thinned(experiment):
    for path in experiment.glob("*/*/metrics.csv"):
        path.unlink()
    training = experiment / "coarse" / "repeat0-fold1" / "training"
    training.mkdir()
    rows = [f"{epoch},{1 / epoch}" for epoch in range(1, 501)]
    (training / "metrics.csv").write_text("\n".join(["epoch,val/loss", *rows]))
    ((name, (curve,)),) = read_curves(gather([str(experiment)]).runs).items()
    assert name == "val/loss"
    assert curve.epochs[:2] == (1, 6) and len(curve.epochs) == 100


def test_choosing_the_epoch_on_the_scored_images_is_told(experiment):
    scored = score(gather([str(experiment)]))
    assert choice_gains(scored.gathered.runs) == {}
    for repeat, fold, best in ((0, 0, 90.0), (1, 1, 80.0)):
        where = experiment / "coarse" / f"repeat{repeat}-fold{fold}"
        text = f"epoch,accuracy,cross_entropy\n1,{best},0.3\n2,40,0.4\n"
        (where / "scored-by-epoch.csv").write_text(text)
    ((recipe, gain),) = choice_gains(scored.gathered.runs).items()
    correct, folds = scored.said["coarse"].correct, scored.design.folds
    own = [100 * correct[r, folds[r] == r].mean() for r in (0, 1)]
    assert (recipe, gain.runs) == ("coarse", 2)
    assert gain.points == pytest.approx((90 + 80 - sum(own)) / 2)
    assert "scored images/accuracy" in read_curves(scored.gathered.runs)


def test_a_broken_file_is_named(experiment):
    path = experiment / "coarse" / "repeat1-fold0" / "metrics.csv"
    path.write_text("epoch,train/loss\n1,low\n")
    with pytest.raises(ValueError, match=r"repeat1-fold0/metrics\.csv: found a row"):
        read_curves(gather([str(experiment)]).runs)
