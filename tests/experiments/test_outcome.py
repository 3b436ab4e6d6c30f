"""What `mmleaves repeat` says at its end, of runs that need no training."""

import re
import shutil

import numpy as np
import pytest
from evidence.conftest import SmallExperiment

from mmleaves.evidence.epochs import choice_gain
from mmleaves.evidence.gather import gather
from mmleaves.evidence.predictions import Predictions
from mmleaves.evidence.run_files import read_record, read_run, write_run
from mmleaves.experiments.outcome import say_outcome
from mmleaves.experiments.runs import planned_runs
from mmleaves.report.curves import choice_gains


@pytest.fixture
def experiment(tmp_path):
    return SmallExperiment(tmp_path / "experiment").write_all()


def said_of(experiment, config="probe"):
    plan, folder = experiment.plan, experiment.folder
    lines = say_outcome(plan, folder, planned_runs(plan, folder, configs=plan.configs))
    (line,) = [line for line in lines if line.startswith(f"{config}: ")]
    return line


def write_copies(experiment, folder, count=5):
    """Let a run have scored more files of a picture that it has wrong, if any."""
    record = read_record(folder)
    said = read_run(folder, record)
    labels = [said.classes[label] for label in said.probs.argmax(axis=1)]
    wrong = [i for i, label in enumerate(labels) if label != said.truth[i]]
    rows = [*range(len(labels)), *wrong[:1] * count]
    names = [f"{place}.png" for place in range(len(rows))]
    predictions = Predictions(
        images=names,
        paths=names,
        classes=said.classes,
        probs=said.probs[rows].astype(np.float32),
        truth=[said.truth[i] for i in rows],
    )
    hashes = [said.hashes[i] for i in rows]
    write_run(experiment.folder, record, predictions, hashes, trained=said.trained)
    return 100 * (len(labels) - len(wrong)) / len(rows)


def test_a_repeat_of_which_one_fold_is_done_is_no_repeat(experiment):
    for fold in (1, 2, 3):
        shutil.rmtree(experiment.folder / "probe" / f"repeat1-fold{fold}")
    # Four of 40 images are wrong.
    expected = "probe: accuracy 90.0 %, mean of 1 repeat; 5 runs, 15.0 min"
    assert said_of(experiment) == expected


def test_without_a_complete_repeat_there_is_no_accuracy(experiment):
    for repeat in (0, 1):
        shutil.rmtree(experiment.folder / "probe" / f"repeat{repeat}-fold2")
    line = said_of(experiment)
    assert re.match(r"probe: no accuracy \(incomplete: .*\); 6 runs, 18\.0 min", line)


def test_copies_of_a_picture_count_as_often_as_in_the_comparison(experiment):
    for folder in experiment.folder.glob("probe/repeat*"):
        write_copies(experiment, folder)
    report = gather([str(experiment.folder)]).compare()
    assert report.recipes[0].scores["accuracy"] == pytest.approx(90)
    assert "probe: accuracy 90.0 %, mean of 2 repeats (90.0" in said_of(experiment)


def test_where_no_epoch_was_better_nothing_is_gained_by_choosing_with_copies_either(
    experiment,
):
    for folder in sorted(experiment.folder.glob("probe/repeat*")):
        last = write_copies(experiment, folder)
        rows = f"1,{last},0.3\n2,{last},0.3\n"
        (folder / "scored-by-epoch.csv").write_text(f"epoch,accuracy,other\n{rows}")
    gathered = gather([str(experiment.folder)])
    gains = choice_gains(gathered.runs)
    assert set(gains) == {"probe"}
    assert gains["probe"].points == pytest.approx(0, abs=1e-9)
    assert gains["probe"].best_epochs == (1,) * 8
    folders = sorted(experiment.folder.glob("probe/repeat*"))
    assert choice_gain(folders) == gains["probe"]
    plan, folder = experiment.plan, experiment.folder
    lines = say_outcome(plan, folder, planned_runs(plan, folder, configs=plan.configs))
    added = "probe: choosing the epoch on the scored images would have added "
    (line,) = [line for line in lines if line.startswith(added)]
    assert re.search(r"added [+-]0\.0 points of accuracy \(epoch 1; 8 runs\)", line)
