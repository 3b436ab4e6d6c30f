"""What a process ends with, and what it says where a user can mend it."""

import re

import pytest
from PIL import Image
from tool_runs import ROOT, run_tool

from mmleaves import exit_codes
from mmleaves.commands import doctor, train
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.commands.upstream_errors import explained
from mmleaves.errors import RunError

CODES = {
    name: value for name, value in vars(exit_codes).items() if isinstance(value, int)
}
CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
ENDS = '''"""A hook that ends the run in its second iteration."""

import os
import signal

from mmengine.hooks import Hook
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class EndHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 1 and os.environ["HOW"] == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        if batch_idx == 1 and os.environ["HOW"] == "fault":
            raise RuntimeError("nobody thought of this")
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codes") / "data"
    for i, name in enumerate(("ash", "elm")):
        (folder / name).mkdir(parents=True)
        for j in range(8):
            image = Image.new("RGB", (8, 8), (80 * i, 20 * j, 9))
            image.save(folder / name / f"{j}.png")
    return folder


@pytest.fixture
def config(data, tmp_path):
    def write(text=""):
        path = tmp_path / "own.py"
        if text.startswith("_base_"):
            path.write_text(text)
            return str(path)
        path.write_text(
            f'_base_ = ["{ROOT / "configs" / CONFIG}.py"]\n'
            f'dataset = dict(data_root="{data}")\n'
            f'work_dir = "{tmp_path / "run"}"\n'
            "train_dataloader = dict(batch_size=4, num_workers=0, "
            "persistent_workers=False)\n"
            "val_dataloader = dict(num_workers=0, persistent_workers=False)\n"
            "model = dict(backbone=dict(widen_factor=0.25, init_cfg=None))\n" + text
        )
        return str(path)

    return write


def test_the_documented_codes_are_those_of_the_code():
    page = (ROOT / "docs" / "safe_runs.md").read_text()
    table = page.split("## Exit codes")[1]
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)]
    assert sorted(documented) == sorted(CODES.values())
    assert len(set(CODES.values())) == len(CODES)


def test_no_other_place_invents_a_code():
    for path in ROOT.glob("mmleaves/**/*.py"):
        text = path.read_text()
        numbers = re.findall(r"(?:sys\.exit|SystemExit)\((\d+)\)", text)
        assert not numbers, path
        if path.name != "exit_codes.py":
            named = dict(re.findall(r"^(\w+) = (\d+)$", text, re.M))
            ended_with = re.findall(r"(?:exit_code = |[._]exit\()(.*)", text)
            given = {word for code in ended_with for word in re.findall(r"\w+", code)}
            # One that only `repeat` sees must be none that a command ends with.
            inner = {int(named[name]) for name in given & named.keys()}
            assert not inner & set(CODES.values()), (path, inner)


@pytest.mark.parametrize(("how", "code"), [("ctrl-c", 130), ("fault", 1)])
def test_a_run_that_is_broken_off(how, code, config, tmp_path):
    (tmp_path / "ends.py").write_text(ENDS)
    path = config(
        'custom_imports = dict(imports=["mmleaves.runner", "ends"])\n'
        'custom_hooks = [dict(type="mmleaves.EndHook")]\n'
    )
    done = run_tool("train", path, env={"HOW": how, "PYTHONPATH": f"{ROOT}:{tmp_path}"})
    assert done.returncode == code, done.stderr[-3000:]
    if how == "ctrl-c":
        assert done.stderr.endswith("\nStopped.\n")
        assert "Traceback" not in done.stderr
    else:
        # A fault that nobody foresaw keeps its traceback.
        assert "Traceback" in done.stderr
        assert "nobody thought of this" in done.stderr


# What a config says wrongly, and what is said of it.
UPSTREAM = {
    "an unregistered part": (
        'model = dict(backbone=dict(_delete_=True, type="MobileNetv2"))',
        "There is no 'MobileNetv2' among the registered parts of kind 'model'. Did you "
        "mean 'MobileNetV2'?",
    ),
    "an argument that is none": (
        "model = dict(backbone=dict(widen=2))",
        "MobileNetV2 takes no 'widen'",
    ),
    "an argument that is missing": (
        'model = dict(head=dict(_delete_=True, type="LinearClsHead"))',
        "LinearClsHead lacks 'in_channels'",
    ),
    "a value that upstream asserts on": (
        'model = dict(backbone=dict(_delete_=True, type="ResNet", depth=51))',
        "cannot be built: KeyError: 'invalid depth 51 for resnet'",
    ),
    "a number in the place of a dict": (
        'trainable = dict(left="all")',
        "The config sets trainable to a dict, and a base to something else",
    ),
    "a loop without its loader": (
        "val_dataloader = None",
        "should be either all None or not None",
    ),
    "a base that is not there": ('_base_ = ["nowhere.py"]', "nowhere.py"),
    "a syntax error": ("model = dict(\n", "The config cannot be read"),
    "a module that is not there": (
        'custom_imports = dict(imports=["nowhere_at_all"], allow_failed_imports=False)',
        "custom_imports name a module that is not there",
    ),
    "no data preprocessor's key": (
        "train_dataloader = dict(_delete_=True, batch_size=4)",
        "The config has no 'num_workers'",
    ),
}


@pytest.mark.parametrize("fault", UPSTREAM)
def test_an_error_of_upstream_fits_on_one_screen(fault, config, capsys):
    text, said = UPSTREAM[fault]
    with pytest.raises(SystemExit) as end:
        train.main([config(text)])
    assert end.value.code == exit_codes.USAGE
    told = capsys.readouterr().err.rpartition("\nError: ")[2]
    assert said in told
    assert len(told.splitlines()) < 24
    assert len(told) < 1500
    assert "Traceback" not in told
    assert "--debug" in told


def test_debug_shows_the_traceback(config):
    path = config(UPSTREAM["an argument that is none"][0])
    with pytest.raises(TypeError, match="unexpected keyword"):
        train.main([path, "--debug"])


def test_a_fault_in_our_own_code_is_not_taken_for_a_users():
    @reports_errors
    def faulty(argv):
        {}["there is no such key"]

    with pytest.raises(KeyError):
        faulty([])


def test_an_error_of_a_run_ends_with_its_own_code(capsys):
    class DiskFullError(RunError):
        exit_code = exit_codes.CANNOT_WRITE

    @reports_errors
    def command(argv):
        raise DiskFullError("no room on /data")

    with pytest.raises(SystemExit) as end:
        command([])
    assert end.value.code == 74
    assert "Error: no room on /data" in capsys.readouterr().err


def test_the_doctor_ends_with_2_where_it_finds_an_error(config, capsys):
    doctor.main([config(), "--json"])
    assert '"has_errors": false' in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        doctor.main([config("model = dict(head=dict(num_classes=7))")])
    assert end.value.code == exit_codes.USAGE
    told = capsys.readouterr().out
    assert "error  num-classes: model.head.num_classes" in told
    assert "own.py, line 7" in told
    assert "Write: model = dict(head=dict(num_classes=2))" in told
    assert "1 error, " in told


def test_a_config_that_cannot_be_read_is_not_printed_whole():
    error = SyntaxError("There are syntax errors in config file a.py: " + "x " * 9000)
    said = explained(error)
    assert "config file a.py: x x" in said
    assert len(said) < 400
