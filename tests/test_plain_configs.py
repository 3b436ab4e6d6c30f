"""What looks at data or results runs no code that lies beside them."""

import sys

import pytest
from tool_runs import ROOT

from mmleaves.commands import check
from mmleaves.plain_configs import refuse_code

TOUCH = "__import__('pathlib').Path({marker!r}).touch()"
# Each would leave the marker if it were run or built.
CODE = {
    "a call": "x = " + TOUCH,
    "a statement": TOUCH,
    "an import": "import planted",
    "a function": "def f(x={call}):\n    pass",
    "a default that is computed": "model = dict(depth={call})",
    "a name of Python's": "x = eval",
    "another meaning of dict": 'dict = eval\nx = dict("{call}")',
    "a comprehension": "x = [{call} for _ in (1,)]",
    "a text with a value": 'x = f"{{{call}}}"',
    "a condition": "if {call}:\n    pass",
    "an attribute": "x = ().__class__",
    "a module of its own": 'custom_imports = dict(imports=["planted"])',
    "modules that are computed": 'n = ["planted"]\ncustom_imports = dict(imports=n)',
    "modules unpacked": 'n = dict(imports=["planted"])\ncustom_imports = dict(**n)',
    "a type that is a function": 'dataset = dict(type="os.system", command="{m}")',
    "a type in a literal": 'dataset = {{"type": "os.system", "command": "touch {m}"}}',
    "a type that is computed": 'dataset = dict(type="os" + ".system")',
    "a key that is computed": 'dataset = {{"ty" + "pe": "os.system"}}',
    "a type that is a module": 'dataset = dict(type="planted")',
    "a type of a module of ours": 'dataset = dict(type="mmengine.load")',
    "a dict of pairs": 'dataset = dict([("type", "os.system"), ("command", "{m}")])',
    "a dict of a name": 'n = [["type", "os.system"]]\ndataset = dict(n)',
    "a dict of what is unpacked": 'n = [[["type", "os.system"]]]\nd = dict(*n)',
    "a scope that is a package": 'default_scope = "planted"',
    "a scope of a part": 'dataset = dict(type="CustomDataset", _scope_="planted")',
    "a text that is replaced": 'x = {{{{"$X:{call}#|.*"}}}}',
    "a base's value in a text": 'x = "{{{{ _base_.x }}}}"',
    "a base that runs": '_base_ = ["./planted.py"]',
    "a base of another package": '_base_ = ["planted::x.py"]',
    "a base outside of a package": '_base_ = "mmpretrain::resnet/../../{folder}/p.py"',
    "a base anywhere": '_base_ = "mmpretrain::/{folder}/planted.py"',
}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A folder with a module that leaves a marker, and the marker's path."""
    marker = tmp_path / "ran"
    call = TOUCH.format(marker=str(marker))
    (tmp_path / "planted.py").write_text(call + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield marker, call
    sys.modules.pop("planted", None)


@pytest.mark.parametrize("kind", CODE)
def test_check_runs_no_config_that_holds_code(kind, planted, tmp_path, capsys):
    marker, call = planted
    text = CODE[kind].format(
        call=call, marker=str(marker), m=marker, folder=f"../../../..{tmp_path}"
    )
    (tmp_path / "evil.py").write_text(f'"""A config."""\n{text}\n')
    with pytest.raises(SystemExit) as end:
        check.main(["evil.py"])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert ".py, line " in told
    assert "--trust-config" in told
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["a call", "a text that is replaced"])
def test_a_config_that_is_trusted_is_run(kind, planted, tmp_path):
    """So that the payloads above are known to be ones."""
    marker, call = planted
    (tmp_path / "evil.py").write_text(CODE[kind].format(call=call, marker=str(marker)))
    with pytest.raises(SystemExit):
        check.main(["evil.py", "--trust-config"])
    assert marker.exists()


def test_a_config_of_yaml_is_refused_as_it_can_hold_code_too(planted, tmp_path, capsys):
    marker, _ = planted
    payload = f"x: !!python/object/apply:os.system ['touch {marker}']\n"
    (tmp_path / "evil.yaml").write_text(payload)
    with pytest.raises(SystemExit):
        check.main(["evil.yaml"])
    assert "no Python file" in capsys.readouterr().err
    assert not marker.exists()


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("configs/[!_]*.py")), ids=lambda p: p.stem
)
def test_no_shipped_config_needs_trust(path):
    refuse_code(path)
