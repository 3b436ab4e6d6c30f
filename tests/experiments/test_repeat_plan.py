"""What a plan is made of, how it goes on, and what it refuses. Nothing is trained."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from experiments.small_recipes import draw_scans, write_recipe
from tool_runs import ROOT, check, run_python, run_tool

from mmleaves.audit.from_datasets import parts_of_config
from mmleaves.cache.image_cache_settings import ImageCacheSettings
from mmleaves.cache.keep_decoded import keep_decoded
from mmleaves.config import fill_datasets
from mmleaves.evidence.plan import content_hash, read_plan
from mmleaves.experiments.child import gpu_of
from mmleaves.experiments.image_table import read_images
from mmleaves.experiments.planning import Wishes, ensure_plan
from mmleaves.experiments.ray_jobs import threads_of_a_run
from mmleaves.experiments.recipes import keep_recipe, load_recipes, read_recipe
from mmleaves.experiments.run_config import run_config
from mmleaves.experiments.runs import planned_runs
from mmleaves.experiments.show_progress import ShowProgress, minutes_left
from mmleaves.experiments.slurm import ranges
from mmleaves.experiments.uses import image_uses
from mmleaves.registry import DATASETS

SMALL = Wishes(folds=3, repeats=2)


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    return draw_scans(tmp_path_factory.mktemp("scans") / "data")


@pytest.fixture
def data(scans, tmp_path):
    """A copy of the drawn scans that a test may change."""
    return Path(shutil.copytree(scans, tmp_path / "data"))


@pytest.fixture
def recipes(data, tmp_path):
    paths = [
        write_recipe(tmp_path / "first.py", data),
        write_recipe(tmp_path / "second.py", data, rate=1e-4),
    ]
    return load_recipes(list(map(str, paths)))


@pytest.fixture(scope="module")
def planned(scans, tmp_path_factory):
    """A plan that no test may change, and its config."""
    folder = tmp_path_factory.mktemp("planned")
    recipes = load_recipes([str(write_recipe(folder / "one.py", scans))])
    ensure_plan(folder / "experiment", recipes, SMALL)
    return folder / "experiment", recipes


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "experiment"


@pytest.fixture(scope="session")
def leaves(tmp_path_factory):
    """Fourteen drawn species, twelve leaves each, from six plants of two leaves."""
    root = tmp_path_factory.mktemp("leaves") / "data"
    options = ["--layout", "leaves", "--per-class", "18", "--size", "32"]
    check(run_tool("make_sample", *options, root))
    file = root / "train.csv"
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    seen: dict[str, int] = {}
    for row in rows:
        number = seen[row["label"]] = seen.get(row["label"], -1) + 1
        row["plant"] = f"{row['label']}-{number // 2}"
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def copy_image(image, name):
    return Path(shutil.copyfile(image, image.with_name(name)))


def test_the_plan_is_written_and_found_again(folder, recipes):
    plan, notes = ensure_plan(folder, recipes, SMALL)
    assert (plan.kind, plan.folds, len(plan.repeats), plan.images) == ("cv", 3, 2, 36)
    assert plan.classes == ("benign", "malignant")
    assert plan.positive == "malignant"
    assert notes == []
    assert list(plan.configs) == ["first", "second"]
    assert plan.repeats[0].fold_of != plan.repeats[1].fold_of
    assert read_plan(folder) == plan
    assert ensure_plan(folder, recipes, Wishes()) == (plan, [])
    assert ensure_plan(folder, recipes, SMALL) == (plan, [])


def test_more_repeats_leave_the_first_as_they_were(folder, recipes, tmp_path):
    two, _ = ensure_plan(folder, recipes, SMALL)
    four, notes = ensure_plan(folder, recipes, Wishes(repeats=4))
    assert four.repeats[:2] == two.repeats
    assert notes == ["The plan goes on from 2 to 4 repeats."]
    assert read_plan(folder) == four
    at_once, _ = ensure_plan(tmp_path / "other", recipes, Wishes(folds=3, repeats=4))
    # No run was done, so nobody can have looked.
    assert at_once == four
    done = folder / "first" / "repeat0-fold0" / "run.json"
    done.parent.mkdir(parents=True)
    done.write_text("{}")
    assert ensure_plan(folder, recipes, Wishes(repeats=5))[0].earlier_repeats == (4,)


def test_a_config_can_be_added_later(folder, recipes):
    one, _ = ensure_plan(folder, recipes[:1], SMALL)
    both, notes = ensure_plan(folder, recipes, Wishes())
    assert both.repeats == one.repeats
    assert list(both.configs) == ["first", "second"]
    assert notes == ["Added to the plan: second."]
    # And each alone can go on.
    assert ensure_plan(folder, recipes[1:], Wishes())[0] == both


def test_a_changed_config_is_refused_with_what_changed(folder, recipes, data, tmp_path):
    ensure_plan(folder, recipes, SMALL)
    path = write_recipe(tmp_path / "second.py", data, rate=0.5)
    changed = [recipes[0], *load_recipes([str(path)])]
    match = (
        r"experiment: the config second is not the planned one: "
        r"optim_wrapper\.optimizer\.lr was 0\.0001 and is 0\.5\. .* --out"
    )
    with pytest.raises(ValueError, match=match):
        ensure_plan(folder, changed, Wishes())


@pytest.mark.parametrize(
    ("wishes", "match"),
    [
        (Wishes(folds=4), "found --folds 4, expected 3, as its plan has it"),
        (Wishes(margin=2.0), "found --margin 2.0, expected 1.0"),
        (Wishes(holdout=True), "found --holdout True, expected False"),
        (Wishes(epoch_rule="best"), "found --epoch best, expected last"),
        (Wishes(base_seed=3), "found --seed 3, expected 0"),
        (Wishes(repeats=1), "found --repeats 1, expected 2 or more"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "another",
)
def test_another_plan_in_the_same_folder_is_refused(planned, wishes, match):
    folder, recipes = planned
    with pytest.raises(ValueError, match=match):
        ensure_plan(folder, recipes, wishes)


def test_changed_data_are_refused_with_what_changed(folder, recipes, data):
    ensure_plan(folder, recipes, SMALL)
    images = sorted((data / "train" / "benign").iterdir())
    content = images[0].read_bytes()
    images[0].unlink()
    gone = rf"1 missing or changed, such as {images[0]}"
    with pytest.raises(ValueError, match=gone):
        ensure_plan(folder, recipes, Wishes())
    images[0].write_bytes(content)
    ensure_plan(folder, recipes, Wishes())
    images[0].rename(data / "train" / "malignant" / images[0].name)
    with pytest.raises(ValueError, match="1 with another label, such as"):
        ensure_plan(folder, recipes, Wishes())


def test_a_run_refuses_images_that_were_not_planned(folder, recipes, data):
    plan, _ = ensure_plan(folder, recipes, SMALL)
    cfg = run_config(recipes[0].cfg, plan, folder, 0, 0, with_test=False)
    fill_datasets(cfg)
    copy = sorted((data / "train" / "benign").iterdir())[0]
    copy.write_bytes(copy.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="other data than when the runs were planned"):
        DATASETS.build({**cfg.train_dataloader.dataset, "pipeline": []})


def test_near_copies_stay_together_and_none_of_a_scored_one_is_trained_on(
    real_data, folder, tmp_path
):
    data = tmp_path / "near"
    leaf = real_data / "leaf_uci_folders"
    for species, name in (
        ("7. Ilex aquifolium", "benign"),
        ("9. Betula pubescens", "malignant"),
    ):
        for part in ("train", "test"):
            (data / part / name).mkdir(parents=True)
        for i, file in enumerate(sorted((leaf / species).iterdir())):
            part = "test" if i == 0 else "train"
            shutil.copyfile(file, data / part / name / file.name)
    first, second = sorted((data / "train" / "benign").iterdir())[:2]
    scored = next((data / "test" / "benign").iterdir())
    near = {"again.jpg": first, "mirrored.jpg": second, "of_a_scored.jpg": scored}
    for name, file in near.items():
        image = cv2.imread(str(file))
        image = cv2.flip(image, 1) if name == "mirrored.jpg" else image
        path = data / "train" / "benign" / name
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 70])
    recipes = load_recipes([str(write_recipe(tmp_path / "one.py", data))])

    plan, notes = ensure_plan(folder, recipes, Wishes(folds=2, repeats=5))
    assert notes == ["Nearly the same as another, with which they stay: 4 images."]
    of = {Path(one.image).name: one.hash for one in read_images(folder)}
    for repeat in plan.repeats:
        for name, file in (("again.jpg", first), ("mirrored.jpg", second)):
            assert repeat.fold_of[of[name]] == repeat.fold_of[of[file.name]]

    plan, notes = ensure_plan(
        tmp_path / "held", recipes, Wishes(holdout=True, repeats=1)
    )
    uses = image_uses(plan, read_images(tmp_path / "held"), 0, 0)
    assert of["of_a_scored.jpg"] not in uses and uses[of["again.jpg"]] == "train"
    assert notes[0].endswith("share a picture or a group with scored ones: 1.")


def test_copies_stay_together_and_pictures_with_two_labels_are_left_out(
    folder, recipes, data
):
    benign = sorted((data / "train" / "benign").iterdir())
    copy_image(benign[0], "copy.jpg")
    unclear = data / "train" / "malignant" / "benign_too.jpg"
    shutil.copyfile(benign[1], unclear)
    plan, notes = ensure_plan(folder, recipes, SMALL)
    assert notes == [
        "Copies of other files, which stay with them: 1.",
        f"Left out, as one picture has two labels: {benign[1]}, {unclear}.",
    ]
    # 36 files and 2 copies, of which one picture twice and one not at all.
    assert plan.images == 35
    assert content_hash(unclear) not in plan.repeats[0].fold_of
    uses = image_uses(plan, read_images(folder), 0, 0)
    assert len(uses) == 35
    cfg = run_config(recipes[0].cfg, plan, folder, 0, 0, with_test=False)
    fill_datasets(cfg)
    parts = [cfg.train_dataloader.dataset, cfg.test_dataloader.dataset]
    found = [
        {built.get_data_info(i)["img_path"] for i in range(len(built))}
        for built in (DATASETS.build({**part, "pipeline": []}) for part in parts)
    ]
    assert len(found[0]) + len(found[1]) == 36
    both = {str(benign[0]), str(benign[0].with_name("copy.jpg"))}
    assert both <= found[0] or both <= found[1]
    assert not {str(unclear), str(benign[1])} & (found[0] | found[1])


def test_a_holdout_trains_on_no_copy_of_what_it_scores(folder, recipes, data):
    scored = sorted((data / "test" / "benign").iterdir())[0]
    shutil.copyfile(scored, data / "train" / "benign" / "leak.jpg")
    plan, notes = ensure_plan(folder, recipes, Wishes(holdout=True, repeats=2))
    assert notes[1:] == [
        "Training images left out, as they share a picture or a group with scored "
        "ones: 1."
    ]
    assert (plan.kind, plan.folds, plan.images) == ("holdout", 1, 12)
    uses = image_uses(plan, read_images(folder), 1, 0)
    assert sorted(uses.values()).count("train") == 36
    assert uses[content_hash(scored)] == "score"
    assert plan.repeats[0].seeds != plan.repeats[1].seeds


def test_the_test_part_can_be_dealt_out_as_well(folder, recipes):
    plan, _ = ensure_plan(folder, recipes, Wishes(folds=3, repeats=1, with_test=True))
    assert plan.images == 48
    assert ensure_plan(folder, recipes, Wishes())[0] == plan


def test_groups_are_undivided_and_best_epochs_are_chosen_within_training(
    leaves, folder, tmp_path
):
    path = write_recipe(tmp_path / "leaves.py", leaves, data="leaves")
    recipes = load_recipes([str(path)])
    wishes = Wishes(folds=2, repeats=2, group_column="plant", epoch_rule="best")
    plan, _ = ensure_plan(folder, recipes, wishes)
    images = read_images(folder)
    assert {one.group for one in images} == {
        f"{one.label}-{i}" for one in images for i in range(6)
    }
    for repeat in range(2):
        scored = set()
        for fold in range(2):
            uses = image_uses(plan, images, repeat, fold)
            groups = {}
            for one in images:
                groups.setdefault(one.group, set()).add(uses[one.hash])
            assert all(len(use) == 1 for use in groups.values())
            assert set(uses.values()) == {"train", "select", "score"}
            scored |= {key for key, use in uses.items() if use == "score"}
        assert len(scored) == len(images) == 168


def test_a_group_column_with_gaps_is_refused(leaves, folder, tmp_path):
    data = Path(shutil.copytree(leaves, tmp_path / "gaps"))
    table = (data / "train.csv").read_text().splitlines()
    table[5] = table[5].rpartition(",")[0] + ",NA"
    (data / "train.csv").write_text("\n".join(table) + "\n")
    path = write_recipe(tmp_path / "leaves.py", data, data="leaves")
    with pytest.raises(ValueError, match=r"1 of 168 images without a plant, .*'NA'"):
        ensure_plan(
            folder, load_recipes([str(path)]), Wishes(folds=2, group_column="plant")
        )


def test_a_group_is_one_with_and_without_the_decimals_that_pandas_adds(
    leaves, folder, tmp_path
):
    data = Path(shutil.copytree(leaves, tmp_path / "numbers"))
    header, *table = (data / "train.csv").read_text().splitlines()
    plants = {}
    for i, line in enumerate(table):
        row, _, plant = line.rpartition(",")
        number = plants.setdefault(plant, len(plants))
        table[i] = f"{row},{number}{'.0' * (i % 2)}"
    (data / "train.csv").write_text("\n".join([header, *table]) + "\n")
    recipes = load_recipes([str(write_recipe(tmp_path / "l.py", data, data="leaves"))])
    ensure_plan(folder, recipes, Wishes(folds=2, repeats=1, group_column="plant"))
    images = read_images(folder)
    # As it is written there, so that plans from before go on.
    assert {"0", "0.0"} & {one.group for one in images}
    together = {}
    for one in images:
        together.setdefault(one.group.removesuffix(".0"), set()).add(one.together)
    assert len(together) == len(plants)
    assert all(len(numbers) == 1 for numbers in together.values())


def test_settings_are_kept_in_utf8_whatever_the_locale(folder, tmp_path):
    path = tmp_path / "leaves.py"
    write_recipe(path, "Blätter/楓")
    code = f"""
from pathlib import Path
from mmleaves.experiments.ray_jobs import threads_of_a_run
from mmleaves.experiments.recipes import keep_recipe, load_recipes
keep_recipe(*load_recipes([{str(path)!r}]), Path({str(folder)!r}))
"""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    check(run_python("-c", code, env=plain))
    kept = (folder / "leaves" / "leaves.py").read_text(encoding="utf-8")
    assert "Blätter/楓" in kept


def test_a_run_prints_names_in_utf8_whatever_the_locale(tmp_path):
    code = f"""
from pathlib import Path
from mmleaves.experiments.child import print_into
print_into(Path({str(tmp_path / "log.txt")!r}))
print("Bl\\xe4tter \\udcff")
"""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    check(run_python("-c", code, env=plain))
    said = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert said.endswith("Blätter \\udcff\n")


def test_threads_of_a_run_may_be_a_list_of_openmp(monkeypatch):
    for given, threads in (("4,2", 4), ("3", 3), ("0", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert threads_of_a_run() == threads


def test_a_column_of_patients_that_is_not_used_is_told(leaves, folder, tmp_path):
    data = Path(shutil.copytree(leaves, tmp_path / "patients"))
    table = (data / "train.csv").read_text()
    (data / "train.csv").write_text(table.replace("plant", "Patient", 1))
    path = write_recipe(tmp_path / "leaves.py", data, data="leaves")
    recipes = load_recipes([str(path)])
    _, notes = ensure_plan(folder, recipes, Wishes(folds=2, repeats=1))
    assert notes[-1].endswith("plan anew with --group Patient.")
    wishes = Wishes(folds=2, repeats=1, group_column="Patient")
    assert ensure_plan(tmp_path / "kept", recipes, wishes)[1] == []


def test_groups_are_found_in_the_names_of_files(data, recipes, folder):
    for index, path in enumerate(sorted((data / "train").rglob("*.jpg"))):
        path.rename(path.with_name(f"p{index // 2}-{path.name}"))
    wishes = Wishes(folds=3, repeats=1, group_pattern=r"p\d+(?=-)")
    plan, _ = ensure_plan(folder, recipes, wishes)
    images = read_images(folder)
    assert len({one.group for one in images}) == 18
    for fold in range(3):
        uses = image_uses(plan, images, 0, fold)
        groups = {}
        for one in images:
            assert Path(one.image).name.startswith(f"{one.group}-")
            groups.setdefault(one.group, set()).add(uses[one.hash])
        assert all(len(use) == 1 for use in groups.values())
    assert ensure_plan(folder, recipes, Wishes())[0] == plan
    with pytest.raises(ValueError, match="found --group-pattern p, expected"):
        ensure_plan(folder, recipes, Wishes(group_pattern="p"))


def test_a_config_that_needs_a_validation_is_refused_for_the_last_epoch(
    data, folder, tmp_path
):
    stops = 'default_hooks = dict(stop=dict(type="EarlyStoppingHook", monitor="x"))'
    path = write_recipe(tmp_path / "stops.py", data, more=stops)
    recipes = load_recipes([str(path)])
    with pytest.raises(ValueError, match=r"stops\.py: found EarlyStoppingHook, which"):
        ensure_plan(folder, recipes, SMALL)
    plan, _ = ensure_plan(folder, recipes, Wishes(epoch_rule="best"))
    assert plan.epoch_rule == "best"


def test_configs_with_other_images_are_refused(folder, recipes, scans, tmp_path):
    shutil.copytree(scans, tmp_path / "less")
    next((tmp_path / "less" / "train" / "benign").iterdir()).unlink()
    path = write_recipe(tmp_path / "less.py", tmp_path / "less")
    others = [recipes[0], *load_recipes([str(path)])]
    with pytest.raises(ValueError, match="less: found other images than those of f"):
        ensure_plan(folder, others, SMALL)


@pytest.mark.parametrize("name", ["extra10-10", "cross123", "restarts5x2"])
def test_a_config_is_kept_so_that_it_is_the_same_when_read_again(name, folder):
    (path, *_) = sorted(ROOT.glob(f"configs/*{name}*.py"))
    (recipe,) = load_recipes([str(path)])
    keep_recipe(recipe, folder)
    assert read_recipe(folder, recipe.name).sha256 == recipe.sha256


def test_the_time_left_is_that_of_the_configs_that_are_left():
    took = {"quick": [1.0, 3.0], "slow": [10.0]}
    assert minutes_left(took, ["quick", "slow", "slow"], 1) == 2 + 10 + 10
    assert minutes_left(took, ["slow", "slow"], 4) == 10
    assert minutes_left(took, ["unknown"], 1) == 6
    assert minutes_left({}, ["quick"], 1) is None


def test_slurm_is_given_numbers_in_ranges():
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"


def filled(recipe, plan, experiment):
    cfg = run_config(recipe.cfg, plan, experiment, 0, 0, with_test=False)
    fill_datasets(cfg)
    return cfg


def test_a_planned_run_keeps_what_it_decodes_as_any_training(planned, tmp_path):
    experiment, recipes = planned
    cfg = filled(recipes[0], read_plan(experiment), experiment)
    settings = ImageCacheSettings(folder=str(tmp_path / "images"))
    folder = keep_decoded([cfg.train_dataloader], settings)
    kept = cfg.train_dataloader.dataset.pipeline[0]["cache"]
    assert kept["folder"] == str(folder)


def test_the_parts_of_a_planned_run_are_those_of_its_fold(planned):
    experiment, recipes = planned
    cfg = run_config(
        recipes[0].cfg, read_plan(experiment), experiment, 0, 0, with_test=False
    )
    (train, test), findings = parts_of_config(cfg)
    assert findings == []
    assert (train.name, len(train.paths)) == ("train", 24)
    assert (test.name, len(test.paths)) == ("test", 12)
    assert not set(train.paths) & set(test.paths)


def test_what_auto_means_is_planned_once_for_all_machines(planned):
    experiment, recipes = planned
    plan = replace(read_plan(experiment), precision="float32")
    assert recipes[0].cfg.precision == "auto"
    assert filled(recipes[0], plan, experiment).precision == "float32"


def test_a_machine_that_does_no_runs_does_not_decide_what_auto_means(folder, recipes):
    wishes = Wishes(folds=3, repeats=1, runs_here=False)
    plan, _ = ensure_plan(folder, recipes, wishes)
    assert plan.precision is None
    assert filled(recipes[0], plan, folder).precision == "auto"


def test_runs_of_a_plan_that_is_gone_are_not_taken_for_done(folder, recipes):
    ensure_plan(folder, recipes, SMALL)
    done = folder / "first" / "repeat0-fold0" / "run.json"
    done.parent.mkdir(parents=True)
    done.write_text("{}")
    (folder / "plan.json").unlink()
    with pytest.raises(ValueError, match=r"1 complete runs, such as .* and no plan"):
        ensure_plan(folder, recipes, Wishes(base_seed=7))


def test_a_damaged_image_is_named_before_anything_is_planned(folder, recipes, data):
    bad = sorted((data / "train" / "benign").iterdir())[3]
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(ValueError, match=rf"1 of 36 image files .*:\n  {bad}: "):
        ensure_plan(folder, recipes, SMALL)
    assert not (folder / "plan.json").exists()


def test_names_that_look_like_patients_are_told(folder, recipes, data):
    for number, path in enumerate(sorted((data / "train").glob("*/*"))):
        path.rename(path.with_name(f"B{number // 4:03}_{number}.jpg"))
    _, notes = ensure_plan(folder, recipes, SMALL)
    assert "plan anew with --group-pattern" in notes[-1]


def test_what_compare_would_refuse_after_all_runs_is_refused_before(
    folder, recipes, data
):
    for name, count in (("benign", 6), ("malignant", 3)):
        for path in sorted((data / "train" / name).iterdir())[count:]:
            path.unlink()
    with pytest.raises(ValueError, match="found 9 images to score, expected 10"):
        ensure_plan(folder, recipes, Wishes(folds=2, repeats=1))
    # One recipe alone is not compared.
    assert ensure_plan(folder, recipes[:1], Wishes(folds=2, repeats=1))[0].images == 9


def test_a_folder_can_be_held_out_in_place_of_the_test_part(folder, data, tmp_path):
    path = str(write_recipe(tmp_path / "one.py", data))
    other = Path(shutil.copytree(data / "test", tmp_path / "others"))
    for extra in sorted((other / "benign").iterdir())[2:]:
        extra.unlink()
    recipes = load_recipes([path], holdout=str(other))
    plan, _ = ensure_plan(folder, recipes, Wishes(holdout=True, repeats=1))
    scored = {content_hash(image) for image in other.glob("*/*")}
    assert plan.repeats[0].fold_of.keys() == scored
    assert len(scored) == 8
    with pytest.raises(FileNotFoundError, match=r"--holdout .*none: found no such"):
        load_recipes([path], holdout=str(tmp_path / "none"))


def test_runs_that_failed_or_are_given_up_take_no_more_time(planned):
    experiment, _ = planned
    runs = planned_runs(read_plan(experiment), experiment, configs=["one"])
    progress = ShowProgress(runs, jobs=1)
    progress._took["one"] = [2.0]
    assert progress._say_left() == "about 12 min left"
    progress.failed(runs[0], "no reason")
    progress.given_up(runs[1])
    assert progress._say_left() == "about 8 min left"


def test_each_run_at_work_has_a_gpu_of_its_own():
    assert [gpu_of(slot, None, 2) for slot in range(4)] == ["0", "1", "0", "1"]
    assert [gpu_of(slot, "5,3,7", 3) for slot in range(4)] == ["5", "3", "7", "5"]
