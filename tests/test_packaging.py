"""What a user gets who installs the wheel and has no checkout."""

import subprocess
import sys
import zipfile

import pytest
from tool_runs import ROOT, check, run_python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # Built from what git tracks, beside the checkout, so that no old build/ leaks in.
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_symlink() or (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-P", ROOT / name, source / name], check=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--wheel-dir", folder, source]
    check(subprocess.run(command, capture_output=True, text=True))
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_carries_configs_tools_templates_and_index(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"mmleaves/.mim/{p.relative_to(ROOT)}" for p in ROOT.glob("configs/**/*.py")
    }
    wanted |= {f"mmleaves/.mim/tools/{path.name}" for path in ROOT.glob("tools/*.py")}
    wanted |= {"mmleaves/.mim/model-index.yml"}
    wanted |= {str(p.relative_to(ROOT)) for p in ROOT.glob("mmleaves/*/templates/*")}
    assert wanted <= names
    assert not [
        name for name in names if name.startswith(("tests", "configs", "tools"))
    ]


def test_a_config_is_found_by_its_name_without_a_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from mmleaves import config, cli\n"
        f"assert config.__file__.startswith({str(tmp_path)!r})\n"
        "cli.main(['print-config', 'resnet50_frozen2_b64_caltech'])"
    )
    done = check(run_python("-c", code, cwd=tmp_path))
    assert "all-but-first:2" in done.stdout


def test_the_wheel_installs_the_command(wheel):
    (entry,) = [
        n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("points.txt")
    ]
    assert b"mmleaves = mmleaves.cli:main" in zipfile.ZipFile(wheel).read(entry)
