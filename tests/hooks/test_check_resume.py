"""What a resumed run is told of what has changed since it was begun."""

import json
import shutil

import pytest
from forked_runs import outcome, run, said, write_run

from mmleaves.crash_points import CRASH_AT
from mmleaves.hooks.check_resume_hook import _FREE, _NAMED, _with_caches


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    config = write_run(folder)
    assert train(config, folder / "whole", folder, "train_cfg.max_epochs=2") == 0
    killed = {CRASH_AT: "epoch_1.pth alone"}
    args = ["train_cfg.max_epochs=2"]
    assert train(config, folder / "one", folder, *args, env=killed) == 137
    return config, outcome(folder / "whole", 2)[0], folder / "one"


def train(config, work, folder, *settings, more=(), env=None):
    args = [config, "--work-dir", work, *more, "--cfg-options", *settings]
    return run("train", *args, log=folder / "log", env=env)


@pytest.fixture
def resume(runs, tmp_path):
    """Return what resumes a copy of the run by settings."""
    config, _, one = runs
    work = shutil.copytree(one, tmp_path / "work")

    def resume(*settings, more=()):
        settings = ["train_cfg.max_epochs=2", *settings]
        code = train(config, work, tmp_path, *settings, more=["--resume", *more])
        return code, said(tmp_path / "log"), work

    return resume


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        (
            "optim_wrapper.optimizer.lr=0.1",
            "optim_wrapper.optimizer.lr was 0.05, is 0.1",
        ),
        ("train_dataloader.batch_size=4", "train_dataloader.batch_size was 8, is 4"),
        ("randomness.seed=1", "randomness.seed was 0, is 1"),
        ("custom_hooks.0.momentum=0.5", "custom_hooks.0.momentum was 0.1, is 0.5"),
        (
            "dataset.split_seed=1",
            "the train part is other data, or split in another way: of 24 images ",
        ),
    ],
)
def test_what_would_change_the_weights_is_refused_by_name(resume, setting, change):
    code, told, work = resume(setting)
    assert code == 2
    assert change in told
    assert "go on all the same with --force" in told
    assert not (work / "epoch_2.pth").exists()


def test_what_is_not_known_to_be_free_is_refused():
    def kind(name):
        return "free" if _FREE.match(name) else "named" if _NAMED.match(name) else "no"

    refused = "train_dataloader.collate_fn.type train_dataloader.num_batch_per_epoch"
    refused += " train_cfg.type default_hooks.draws.type channels_last model.head.type"
    refused += " feature_cache feature_cache.views feature_cache.limit_gb"
    assert {kind(name) for name in refused.split()} == {"no"}
    named = "val_dataloader.batch_size train_cfg.max_epochs val_evaluator.0.type"
    named += " image_cache"
    assert {kind(name) for name in named.split()} == {"named"}
    free = "dataset.data_root default_hooks.logger.interval test_dataloader.batch_size"
    free += " feature_cache.folder image_cache.limit_gb"
    assert {kind(name) for name in free.split()} == {"free"}


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        ({"image_cache": "None"}, {}, False),
        ({}, {"feature_cache": "None"}, False),
        ({"feature_cache": "{}"}, {"feature_cache.memory_gb": "8"}, False),
        ({}, {"image_cache.limit_gb": "4"}, True),
        ({"feature_cache.views": "2"}, {"feature_cache": "None"}, True),
    ],
)
def test_a_cache_is_used_or_not_however_that_is_written(then, now, changed):
    one, other = map(_with_caches, (then, now))
    caches = ("image_cache", "feature_cache")
    assert any(one[cache] != other[cache] for cache in caches) == changed


def test_forced_it_goes_on_and_the_record_says_so(resume):
    code, told, work = resume("optim_wrapper.optimizer.lr=0.1", more=["--force"])
    assert code == 0, told
    (resumed,) = json.loads((work / "run.json").read_text())["resumes"]
    assert resumed["forced"]
    assert resumed["after_epoch"] == 1
    assert "optim_wrapper.optimizer.lr was 0.05, is 0.1" in resumed["changed"]


CSV = """
dataset = dict(type="mmleaves.LeavesCSV", part="all", classes_from="train.csv")
del train_dataloader["dataset"]["part"], val_dataloader["dataset"]["part"]
train_dataloader["dataset"].update(ann_file="train.csv")
val_dataloader["dataset"].update(ann_file="val.csv")
"""


def test_changed_images_labels_and_classes_are_refused_by_name(runs, tmp_path):
    data, work = tmp_path / "data", tmp_path / "work"
    shutil.copytree(runs[0].parent / "data", data)
    config = tmp_path / "csv.py"
    config.write_text(runs[0].read_text() + CSV)

    def rows(numbers):
        return [
            f"{name}/{i:03}.png,{name}" for name in ("dark", "light") for i in numbers
        ]

    def write(lines, file="train.csv"):
        (data / file).write_text("\n".join(["image,label", *lines]))

    begun = rows(range(12))
    write(begun)
    write(rows(range(12, 16)), "val.csv")
    given = [f"dataset.data_root={data}", "train_cfg.max_epochs=1"]
    assert train(config, work, tmp_path, *given) == 0, said(tmp_path / "log")
    given[1] = "train_cfg.max_epochs=2"

    def told(lines):
        write(lines)
        assert train(config, work, tmp_path, *given, more=["--resume"]) == 2
        return said(tmp_path / "log")

    shutil.copy(data / "dark" / "000.png", data / "dark" / "new.png")
    assert (
        "with other weights: the train part is other data, or split in another way: "
        f"of 24 images 2 are gone, and 1 are new, such as {data}/dark/new.png. Resume "
    ) in told([*begun[2:], "dark/new.png,dark"])
    assert (
        "This is not the run that was begun, and would end with other weights: "
        "1 images of the train part have another label, such as "
        f"{data}/dark/001.png. Resume with what it began with; or"
    ) in told([begun[0], "dark/001.png,light", *begun[2:]])
    dusky = [row.replace(",dark", ",dusky") for row in rows(range(16))]
    write(dusky[12:16] + dusky[28:], "val.csv")
    text = told(dusky[:12] + dusky[16:28])
    assert "label 0 is 'dark' in the checkpoint and 'dusky' in the data" in text
    write(begun)
    write(rows(range(12, 16)), "val.csv")
    # As on another machine. Nothing that the weights go by has changed.
    data = data.rename(tmp_path / "moved")
    given[0] = f"dataset.data_root={data}"
    code = train(config, work, tmp_path, *given, more=["--resume"])
    assert code == 0, said(tmp_path / "log")


def test_what_changes_no_weight_is_named_and_allowed(runs, resume):
    _, expected, _ = runs
    code, told, work = resume(
        "train_dataloader.num_workers=1", "val_dataloader.batch_size=4"
    )
    assert code == 0, told
    assert "train_dataloader.num_workers was 0, is 1: the weights do not" in told
    changed = "val_dataloader.batch_size was 8, is 4"
    assert f"this has changed: {changed}" in told
    assert outcome(work, 2)[0] == expected
