"""What a resumed run is told of what has changed since it was begun."""

import json
import shutil

import pytest
import torch
from forked_runs import outcome, run, said, write_run
from tool_runs import ROOT, check, run_python

from mmleaves.checkpoints.manifest import sha256_of
from mmleaves.crash_points import CRASH_AT


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
        "train_dataloader.num_workers=1",
        "val_dataloader.batch_size=4",
        # Its pipelines keep no images.
        "image_cache.limit_gb=1",
    )
    assert code == 0, told
    assert "train_dataloader.num_workers was 0, is 1: the weights do not" in told
    changed = "image_cache was not used, is used; val_dataloader.batch_size was 8, is 4"
    assert f"this has changed: {changed}." in told
    (resumed,) = json.loads((work / "run.json").read_text())["resumes"]
    assert resumed["changed"] == [
        *changed.split("; "),
        "train_dataloader.num_workers was 0, is 1",
    ]
    assert resumed["not_compared"] == []
    assert outcome(work, 2)[0] == expected


def begun(folder, lines, *settings):
    """Begin a run of two epochs, its config with these lines; it dies after one."""
    config = write_run(folder)
    config.write_text(config.read_text() + lines)
    env = {CRASH_AT: "epoch_1.pth alone", "MMLEAVES_CACHE": str(folder / "cache")}
    args = ["train_cfg.max_epochs=2", *settings]
    code = train(config, folder / "begun", folder, *args, env=env)
    assert code == 137, said(folder / "log")
    del env[CRASH_AT]

    def go_on(*settings, more=()):
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(folder / "begun", work)
        more = ["--resume", *more]
        settings = ["train_cfg.max_epochs=2", *settings]
        code = train(config, work, folder, *settings, more=more, env=env)
        return code, said(folder / "log"), work

    return go_on


PLATEAU = """
param_scheduler = dict(
    type="ReduceOnPlateauLR", monitor="progress", rule="less", patience=0,
)
"""


def test_validations_that_a_schedule_goes_by_are_refused_by_name(tmp_path):
    go_on = begun(tmp_path, PLATEAU)
    change = "train_cfg.val_interval was 1, is 2"
    code, told, _ = go_on("train_cfg.val_interval=2", "val_dataloader.num_workers=1")
    assert code == 2
    assert f"would end with other weights: {change}. Resume with" in told
    code, told, _ = go_on("val_dataloader.batch_size=4")
    assert code == 2
    assert "val_dataloader.batch_size was 8, is 4" in told
    code, told, work = go_on("train_cfg.val_interval=2", more=["--force"])
    assert code == 0, told
    (resumed,) = json.loads((work / "run.json").read_text())["resumes"]
    assert resumed["changed"] == [change]
    code, told, _ = go_on("val_dataloader.num_workers=1")
    assert code == 0, told


SHRUNK = """
pipeline[:2] = [
    dict(type="mmleaves.LoadImage"),
    dict(type="RandomResizedCrop", scale=8, crop_ratio_range=(0.5, 1.0)),
]
train_dataloader["dataset"]["pipeline"] = pipeline
"""


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        ("image_cache.limit_gb=1", "image_cache=None", "image_cache was used, is not"),
        ("image_cache=None", "image_cache.limit_gb=1", "image_cache was not used, is"),
        ("image_cache.limit_gb=1", "image_cache.limit_gb=2", None),
    ],
)
def test_a_cache_that_shrinks_what_is_trained_on_is_kept(tmp_path, then, now, change):
    code, told, _ = begun(tmp_path, SHRUNK, then)(now)
    if change is None:
        assert code == 0, told
        assert "this has changed" not in told
    else:
        assert code == 2
        assert f"would end with other weights: {change} " in told


def test_another_number_of_processes_is_refused(runs, tmp_path):
    config, _, one = runs
    work = shutil.copytree(one, tmp_path / "work")
    # A process that begins anew imports what those that are forked have.
    ours = tmp_path / "tiny.py"
    imports = '"mmleaves.runner", "forked_runs"'
    ours.write_text(config.read_text().replace('"mmleaves.runner"', imports))

    def with_two(*more):
        return run_python(
            *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2),
            *(ROOT / "tools" / "train.py", ours, "--launcher", "pytorch"),
            *("--work-dir", work, "--resume", *more),
            *("--cfg-options", "train_cfg.max_epochs=2"),
            env={"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}"},
        )

    change = "the number of processes was 1, is 2"
    done = with_two()
    assert done.returncode != 0
    assert f"would end with other weights: {change}. Resume with" in done.stderr
    assert not (work / "epoch_2.pth").exists()
    check(with_two("--force"))
    (resumed,) = json.loads((work / "run.json").read_text())["resumes"]
    assert resumed["changed"] == [change]


def test_an_older_checkpoint_without_the_number_is_resumed(resume, runs, tmp_path):
    _, expected, _ = runs
    work = tmp_path / "work"
    older = work / "epoch_1.pth"
    checkpoint = torch.load(older, weights_only=True)
    del checkpoint["meta"]["world_size"]
    torch.save(checkpoint, older)
    listed = json.loads((work / "checkpoints.json").read_text())
    (entry,) = (e for e in listed["checkpoints"] if e["file"] == older.name)
    entry |= {"bytes": older.stat().st_size, "sha256": sha256_of(older)}
    (work / "checkpoints.json").write_text(json.dumps(listed))
    code, told, _ = resume()
    assert code == 0, told
    assert outcome(work, 2)[0] == expected
    (resumed,) = json.loads((work / "run.json").read_text())["resumes"]
    assert resumed["changed"] == []
    assert resumed["not_compared"] == ["the number of processes"]
