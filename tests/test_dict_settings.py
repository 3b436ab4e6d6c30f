"""Settings that have to be dicts, and are something else."""

import pytest
from forked_runs import run, said, write_run


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("dicts"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "feature_cache = True",
            "feature_cache: found True, expected a dict such as dict(views=4), or None "
            "to keep no features. Set it so, or leave it out.",
        ),
        ("feature_cache = [4]", "feature_cache: found [4], expected a dict"),
        (
            "image_cache = False",
            "image_cache: found False, expected a dict such as dict(limit_gb=4), or "
            "None to keep no images. Set it so, or leave it out.",
        ),
        ("image_cache = 4", "image_cache: found 4, expected a dict"),
        ("dataset = 'data'", "dataset: found 'data', expected a dict such as dict(dat"),
        ("auto_scale_lr = True", "auto_scale_lr: found True, expected a dict such as"),
        (
            "randomness = 3",
            "randomness: found 3, expected a dict such as dict(seed",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "linear-probe"])
def test_what_is_no_dict_is_refused_by_name(
    command, config, setting, message, tmp_path
):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(f"{config.read_text()}\n{setting}\n")
    log = tmp_path / "log"
    assert run(command, wrong, "--work-dir", tmp_path / "work", log=log) == 2
    assert f"Error: {message}" in said(log)
    assert "Traceback" not in said(log)


def test_it_is_refused_from_the_command_line(config, tmp_path):
    log = tmp_path / "log"
    for setting in ("feature_cache=True", "image_cache=True"):
        args = [config, "--work-dir", tmp_path / "work", "--cfg-options", setting]
        assert run("train", *args, log=log) == 2
        name = setting.partition("=")[0]
        assert f"Error: {name}: found True, expected a dict" in said(log)


@pytest.mark.parametrize(
    ("command", "flag", "setting"),
    [
        ("train", "--auto-scale-lr", "auto_scale_lr=True"),
        ("repeat", "--amp", "randomness=3"),
    ],
)
def test_it_is_refused_before_a_command_reads_it(
    command, flag, setting, config, tmp_path
):
    log = tmp_path / "log"
    out = ["--out" if command == "repeat" else "--work-dir", tmp_path / "out"]
    wrong = tmp_path / "wrong.py"
    wrong.write_text(f"{config.read_text()}\n{setting}\n")
    assert run(command, wrong, *out, flag, log=log) == 2
    name, found = setting.split("=")
    assert f"Error: {name}: found {found}, expected a dict" in said(log)
    assert "Traceback" not in said(log)
