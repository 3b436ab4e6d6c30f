import dataclasses
import json
import shutil

import numpy as np
import pytest

from mmleaves.evidence.gather import gather
from mmleaves.evidence.plan import content_hash, read_plan
from mmleaves.evidence.predictions import read_predictions
from mmleaves.evidence.run_files import read_record, run_folder, write_run


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_plan_reads_back_as_it_was(experiment):
    assert read_plan(experiment.folder) == experiment.plan
    assert read_plan(experiment.folder).images == 40


def test_runs_are_lined_up_by_their_content(experiment):
    found = gather([str(experiment.folder)])
    assert list(found.recipes) == ["probe", "all"]
    assert found.classes == experiment.plan.classes
    # Hashes sort as their numbers do, so the images have the order of the fixture.
    assert found.labels.tolist() == [0, 1] * 20
    for name, probs in found.recipes.items():
        assert probs.shape == (2, 40, 2)
        for repeat in range(2):
            expected = experiment.probs(name, repeat).astype(np.float32)
            np.testing.assert_array_equal(probs[repeat], expected)
    folds = [list(r.fold_of.values()) for r in experiment.plan.repeats]
    assert found.folds.tolist() == folds
    assert (found.train_images, found.planned_repeats) == (30, 2)
    assert (found.minutes_per_run, found.margin, found.notes) == (3.0, 2.0, ())
    report = found.compare()
    first = report.comparisons[0].measured
    assert (first.a, first.b, first.points) == ("probe", "all", pytest.approx(30))
    assert (report.margin, report.positive) == (2.0, "[b]malignant[/b]")


def test_configs_can_be_chosen_and_the_first_is_the_baseline(experiment):
    folders = [str(experiment.folder / name) for name in ("all", "probe")]
    assert list(gather(folders).recipes) == ["all", "probe"]
    with pytest.raises(
        ValueError, match=r"no config 'some' in the plan, .* probe, all"
    ):
        gather([str(experiment.folder / "some")])
    with pytest.raises(ValueError, match="found a config twice"):
        gather([folders[0], folders[0]])


def test_a_hold_out_has_no_folds_and_knows_what_was_trained_on(make_experiment):
    experiment = make_experiment(kind="holdout", repeats=3).write_all()
    found = gather([str(experiment.folder)])
    assert found.folds is None
    assert found.train_images == 1  # the fixture's one stand-in
    assert found.recipes["probe"].shape == (3, 40, 2)


def test_a_run_that_misses_takes_its_repeat_out_and_it_is_said(experiment):
    shutil.rmtree(run_folder(experiment.folder, "all", 0, 3))
    found = gather([str(experiment.folder)])
    assert found.recipes["probe"].shape == (1, 40, 2)
    expected = experiment.probs("probe", 1).astype(np.float32)
    np.testing.assert_array_equal(found.recipes["probe"][0], expected)
    assert "complete: probe 8 of 8, all 7 of 8" in found.notes[0]
    assert "compared are the repeats that all have: 1." in found.notes[0]
    # Forty images, and half of the plan: no look before its end.
    assert found.compare().comparisons[0].verdict.kind == "too early"


def test_a_run_that_was_killed_or_failed_is_no_run(experiment):
    folder = run_folder(experiment.folder, "all", 1, 0)
    edit(folder / "run.json", status="failed")
    assert read_record(folder) is None
    (folder / "run.json").unlink()
    assert read_record(folder) is None
    assert gather([str(experiment.folder)]).recipes["all"].shape[0] == 1


def test_nothing_complete_is_refused(experiment):
    for repeat in range(2):
        shutil.rmtree(run_folder(experiment.folder, "all", repeat, 0))
    with pytest.raises(ValueError, match=r"incomplete: no repeat .* all 6 of 8"):
        gather([str(experiment.folder)])


def test_a_scored_image_that_was_trained_on_is_refused(experiment):
    scored = next(h for h, f in experiment.plan.repeats[0].fold_of.items() if f == 2)
    experiment.write("all", 0, 2, trained=["e" * 64, scored])
    text = r"repeat0-fold2: leaky, 1 of the 10 scored images were trained on .* 图像"
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])


def test_a_scored_image_that_chose_the_epoch_is_refused(experiment):
    scored = [h for h, f in experiment.plan.repeats[1].fold_of.items() if f == 0]
    folder = run_folder(experiment.folder, "probe", 1, 0)
    record = read_record(folder)
    said = read_predictions(str(folder / "predictions.parquet"))
    options = {"trained": ["e" * 64], "selected": scored[:3]}
    write_run(experiment.folder, record, said, scored, **options)
    with pytest.raises(
        ValueError, match="leaky, 3 of the 10 scored images were chosen"
    ):
        gather([str(experiment.folder)])


def other_images_seen(experiment, config, count):
    """Let the runs of a config be trained on as many images that are not scored."""
    for repeat, planned in enumerate(experiment.plan.repeats):
        for fold in range(experiment.plan.folds):
            rest = [h for h, f in planned.fold_of.items() if f != fold]
            experiment.write(config, repeat, fold, trained=rest[:count])


def test_configs_that_were_trained_on_other_images_are_unpaired(experiment):
    other_images_seen(experiment, "all", 3)
    text = (
        r"all.repeat0-fold0: unpaired, it was trained on 3 images and "
        r".*probe.repeat0-fold0 on 30 .* 27 are in one of them only"
    )
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])
    # As many, but not the same.
    other_images_seen(experiment, "all", 30)
    rest = [h for h, f in experiment.plan.repeats[1].fold_of.items() if f != 3]
    experiment.write("all", 1, 3, trained=[*rest[:-1], "e" * 64])
    text = r"all.repeat1-fold3: unpaired, .* on 30 images .* on 30 .* 2 are in one"
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])


def test_runs_of_two_experiments_that_saw_other_images_are_unpaired(
    experiment, make_experiment
):
    other = make_experiment("other").write_all()
    other_images_seen(other, "all", 29)
    paths = [str(experiment.folder / "probe"), str(other.folder / "all")]
    text = r"other.all.repeat0-fold0: unpaired, .* 29 images .*probe.repeat0-fold0 on"
    with pytest.raises(ValueError, match=text):
        gather(paths)
    # A config by itself is held against no other.
    assert list(gather(paths[1:]).recipes) == ["all"]


def test_images_that_chose_the_epoch_are_images_to_learn_from(experiment):
    folder = run_folder(experiment.folder, "all", 0, 0)
    said = read_predictions(str(folder / "predictions.parquet"))
    fold_of = experiment.plan.repeats[0].fold_of
    scored, rest = (
        [h for h, f in fold_of.items() if (f == 0) == here] for here in (True, False)
    )
    options = {"trained": rest[:20], "selected": rest[20:]}
    write_run(experiment.folder, read_record(folder), said, scored, **options)
    assert list(gather([str(experiment.folder)]).recipes) == ["probe", "all"]


def test_a_run_without_its_training_images_is_refused(experiment):
    experiment.write("all", 0, 1, trained=[])
    with pytest.raises(ValueError, match="found no images that it was trained on"):
        gather([str(experiment.folder)])


def test_a_label_that_changed_is_refused(experiment):
    truth = list(experiment.truth)
    truth[0], truth[1] = truth[1], truth[0]
    for fold in range(4):
        experiment.write("all", 1, fold, truth=truth)
    with pytest.raises(
        ValueError, match=r"relabelled, 图像 0\.png has the label '良性'"
    ):
        gather([str(experiment.folder)])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"config_sha256": "cc"},
            "another plan, found the config_sha256 'cc', expected",
        ),
        ({"data_sha256": "ee"}, "found the data_sha256 'ee', expected 'dd'"),
        ({"seed": 3}, "found the seed 3, expected 21"),
        ({"split_seed": 3}, "found the split_seed 3, expected 10"),
        ({"epoch_rule": "best"}, "found the epoch_rule 'best', expected 'last'"),
        ({"fold": 9}, "found fold 9, expected one of the plan's 4"),
        ({"repeat": 2}, "found repeat 2, expected one of the plan's 2"),
        ({"fold": 2}, "found the folder 'repeat0-fold1', expected 'repeat0-fold2'"),
    ],
)
def test_a_run_of_another_plan_is_refused(experiment, change, text):
    edit(run_folder(experiment.folder, "all", 0, 1) / "run.json", **change)
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])


def test_other_images_than_planned_are_refused(experiment):
    folder = run_folder(experiment.folder, "all", 0, 1)
    other = run_folder(experiment.folder, "all", 0, 2)
    shutil.copy(other / "predictions.parquet", folder)
    with pytest.raises(ValueError, match="unpaired, 10 planned images are not scored"):
        gather([str(experiment.folder)])


def test_experiments_with_other_folds_are_unpaired(experiment, make_experiment):
    other = make_experiment("other", repeats=3).write_all()
    paths = [str(experiment.folder / "probe"), str(other.folder / "all")]
    with pytest.raises(ValueError, match=r"other, config all: unpaired, .* repeats 3"):
        gather(paths)
    again = make_experiment("again").write_all()
    paths[1] = str(again.folder / "all")
    assert list(gather(paths).recipes) == ["probe", "all"]
    plan = json.loads((again.folder / "plan.json").read_text())
    fold_of = plan["assignments"][1]["fold_of"]
    plan["assignments"][1]["fold_of"] = dict(
        zip(fold_of, reversed(fold_of.values()), strict=True)
    )
    (again.folder / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(ValueError, match="unpaired, repeat 1 has other folds"):
        gather(paths)


def test_two_experiments_may_have_configs_of_one_name(experiment, make_experiment):
    again = make_experiment("again").write_all()
    found = gather([str(experiment.folder / "all"), str(again.folder / "all")])
    assert list(found.recipes) == ["experiment/all", "again/all"]
    # The fixture's runs are the same in both.
    sentence = found.compare().comparisons[0].sentence
    assert "check that these are not one and the same predictions" in sentence


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 2}, "found the format 2, expected 1"),
        ({"kind": "loo"}, "kind is 'loo', expected one of cv, holdout"),
        ({"epoch_rule": "mean"}, "epoch_rule is 'mean'"),
        ({"assignments": []}, "found no repeats"),
        ({"folds": 5}, "repeat 0 has other folds than 0 to 4"),
        ({"configs": {"probe": {}}}, r"found .*'sha256'"),
        ({"configs": {}}, "found no configs"),
        ({"folds": "4"}, "found 'folds' to be '4'"),
        ({"margin_points": None}, "found 'margin_points' to be None"),
    ],
)
def test_a_plan_that_is_none_is_refused(experiment, change, text):
    edit(experiment.folder / "plan.json", **change)
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])


def test_damaged_files_are_named(experiment):
    folder = run_folder(experiment.folder, "all", 0, 0)
    (folder / "images.parquet").unlink()
    with pytest.raises(ValueError, match=r"a complete run without images\.parquet"):
        gather([str(experiment.folder)])
    (folder / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json: found text that is no JSON"):
        gather([str(experiment.folder)])
    (folder / "run.json").write_text('{"status": "complete", "format": 1}')
    with pytest.raises(ValueError, match=r"run\.json: found no 'config'"):
        gather([str(experiment.folder)])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 2}, "found the format 2, expected 1"),
        ({"repeat": "0"}, "found 'repeat' to be '0'"),
        ({"minutes": None}, "found 'minutes' to be None"),
    ],
)
def test_a_record_of_other_types_is_refused(experiment, change, text):
    edit(run_folder(experiment.folder, "all", 0, 1) / "run.json", **change)
    with pytest.raises(ValueError, match=rf"repeat0-fold1.run\.json: {text}"):
        gather([str(experiment.folder)])


def replaced(table, name, values):
    return table.set_column(table.column_names.index(name), name, [values])


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("images", lambda t: t.drop(["use"]), "found the columns hash, expected 'use'"),
        (
            "images",
            lambda t: replaced(t, "use", ["seen", *t["use"].to_pylist()[1:]]),
            "found the use 'seen', expected train or select",
        ),
        (
            "predictions",
            lambda t: replaced(t, "hash", [None, *t["hash"].to_pylist()[1:]]),
            "found gaps in the column 'hash'",
        ),
        (
            "predictions",
            lambda t: replaced(t, "prob:良性", [[0.5]] * len(t)),
            r"row 1 below the header: found \[0\.5\] in the column 'prob:良性'",
        ),
        (
            "predictions",
            lambda t: t.select(["hash", "image", "truth"]),
            "found the columns hash, image, truth, expected prob:CLASS",
        ),
        (
            "predictions",
            lambda t: replaced(t, "prob:良性", [-0.5] * len(t)),
            r"图像 \d+\.png: found the probability -0\.5, expected 0 to 1",
        ),
    ],
)
def test_a_run_of_other_columns_is_refused(experiment, name, change, text):
    from pyarrow.parquet import read_table, write_table

    path = run_folder(experiment.folder, "all", 0, 1) / f"{name}.parquet"
    write_table(change(read_table(path, partitioning=None)), path)
    with pytest.raises(ValueError, match=text):
        gather([str(experiment.folder)])


def test_a_cut_table_is_named(experiment):
    path = run_folder(experiment.folder, "all", 0, 1) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"predictions\.parquet: found what is no"):
        gather([str(experiment.folder)])


def test_groups_are_named_as_what_the_interval_does_not_know(experiment):
    edit(experiment.folder / "plan.json", group_column="patient")
    found = gather([str(experiment.folder)])
    assert found.notes[0].startswith("Images of one patient are kept together, but")


def test_plans_that_differ_in_what_no_run_depends_on_are_noted(
    experiment, make_experiment
):
    other = make_experiment("other", margin=5.0).write_all()
    edit(
        other.folder / "plan.json",
        positive=None,
        group_pattern=r"(\d+)-",
        earlier_repeats=[1],
    )
    paths = [str(experiment.folder / "probe"), str(other.folder / "all")]
    found = gather(paths)
    assert found.notes == (
        "The plans differ in the margin (probe: 2 points; all: 5 points); without "
        "--margin the first counts.",
        "The plans differ in the class that is to be found (probe: [b]malignant[/b]; "
        "all: 良性); without --positive the first counts.",
        "The plans differ in the groups that are kept together (probe: none; all: by "
        r"(\d+)-); for what is said of the plan the first counts.",
        "Images of one group are kept together, but the interval counts each as one of "
        "its own: with few groups it is too narrow.",
    )
    assert (found.margin, found.positive) == (2.0, "[b]malignant[/b]")
    assert found.earlier_repeats == (1,)
    # That the second class is meant without one is no difference.
    edit(experiment.folder / "plan.json", positive="良性")
    assert not any("to be found" in note for note in gather(paths).notes)


def test_plans_for_other_number_formats_are_noted(experiment, make_experiment):
    other = make_experiment("other").write_all()
    edit(experiment.folder / "plan.json", precision="bfloat16")
    edit(other.folder / "plan.json", precision="float32")
    paths = [str(experiment.folder / "probe"), str(other.folder / "all")]
    assert (
        gather(paths)
        .notes[0]
        .startswith(
            "The runs were planned for bfloat16 and float32: a difference may be"
        )
    )


def test_a_dot_stands_for_the_folder_it_is_in(experiment, monkeypatch):
    monkeypatch.chdir(experiment.folder / "all")
    assert list(gather([".", "../probe"]).recipes) == ["all", "probe"]
    assert list(gather([".."]).recipes) == ["probe", "all"]


def test_every_run_has_a_seed_of_its_own(experiment):
    path = experiment.folder / "plan.json"
    plan = json.loads(path.read_text())
    plan["assignments"][1]["seeds"][2] = 21
    path.write_text(json.dumps(plan))
    with pytest.raises(
        ValueError, match="the seed 21 in repeat 0 and again in repeat 1"
    ):
        gather([str(experiment.folder)])
    plan["assignments"][1]["seeds"] = [1, 2]
    path.write_text(json.dumps(plan))
    with pytest.raises(ValueError, match="repeat 1 has 2 seeds, expected one for each"):
        gather([str(experiment.folder)])


def test_copies_of_an_image_count_once(experiment):
    folder = run_folder(experiment.folder, "probe", 0, 0)
    record, said = (
        read_record(folder),
        read_predictions(str(folder / "predictions.parquet")),
    )
    hashes = [h for h, f in experiment.plan.repeats[0].fold_of.items() if f == 0]
    twice = dataclasses.replace(
        said,
        images=[*said.images, "copy.png"],
        paths=[*said.paths, "copy.png"],
        probs=np.concatenate([said.probs, said.probs[:1]]),
        truth=[*said.truth, said.truth[0]],
    )
    rest = [h for h, f in experiment.plan.repeats[0].fold_of.items() if f != 0]
    options = {"trained": rest}
    write_run(experiment.folder, record, twice, [*hashes, hashes[0]], **options)
    found = gather([str(experiment.folder)])
    assert found.recipes["probe"].shape == (2, 40, 2)
    assert found.notes == ("Images with the same bytes count once.",)
    other = next(name for name in twice.classes if name != twice.truth[0])
    wrong = dataclasses.replace(twice, truth=[*said.truth, other])
    write_run(experiment.folder, record, wrong, [*hashes, hashes[0]], **options)
    with pytest.raises(ValueError, match=r"relabelled, copy\.png has .* as a copy of"):
        gather([str(experiment.folder)])


def test_a_margin_that_is_not_the_plans_is_noted(experiment):
    report = gather([str(experiment.folder)]).compare(margin=5)
    assert "The plan's margin is 2 points; 5 was chosen after the runs." in report.notes


def test_a_runs_table_is_one_that_other_commands_read(experiment):
    folder = run_folder(experiment.folder, "probe", 0, 0)
    said = read_predictions(str(folder / "predictions.parquet"))
    assert tuple(said.classes) == experiment.plan.classes
    assert said.images[0].startswith("图像 ")
    # The first four images are wrong, those of this fold among them.
    wrong = [name for name in said.images if int(name[3:-4]) < 4]
    pairs = zip(said.images, said.labels, said.truth, strict=True)
    assert [name for name, a, b in pairs if a != b] == wrong
    assert wrong


def test_an_image_is_known_by_its_bytes(tmp_path):
    (tmp_path / "a.png").write_bytes(b"leaf")
    (tmp_path / "b.png").write_bytes(b"leaf")
    found = content_hash(tmp_path / "a.png")
    assert found == content_hash(tmp_path / "b.png")
    # printf leaf | sha256sum
    assert found.startswith("9f91161f43433e49a6de6db680d79f60159f2e4ac9172621")


def test_a_run_is_written_with_all_it_needs_or_not_at_all(experiment, tmp_path):
    folder = run_folder(experiment.folder, "probe", 0, 0)
    record = read_record(folder)
    said = read_predictions(str(folder / "predictions.parquet"))
    with pytest.raises(ValueError, match="found 3 content hashes for 10 predictions"):
        write_run(tmp_path / "new", record, said, ["a"] * 3, trained=["b"])
    assert not (tmp_path / "new").exists()
    assert not list(experiment.folder.rglob("*.unfinished"))
