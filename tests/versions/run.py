"""Install mmleaves beside several versions of its stack, and try each.

    python tests/versions/run.py                 # every row of docs/versions.md
    python tests/versions/run.py --only fork     # one; its line there is replaced

Each row gets a virtual environment of its own below ``--folder``, some 6 GB, which is
deleted after it unless ``--keep`` says otherwise. Needs the standard library, and PyPI.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "versions.md"
SMALL = ROOT / "tests" / "versions" / "small.py"
BEGIN, END = "<!-- rows: tests/versions/run.py -->", "<!-- end of rows -->"
SETUPTOOLS = "setuptools>=77,<81"
# What mmleaves takes beside the stack, where pip must not choose the stack itself.
OTHERS = (
    "jinja2<4 lmdb markupsafe<4 opencv-python pillow pyarrow rich safetensors "
    "scikit-learn scipy"
)
SHOWN = (
    *("torch", "torchvision", "numpy", "setuptools", "mmengine", "mmcv-lite"),
    *("mmpretrain", "onedl-mmengine", "onedl-mmcv", "onedl-mmpretrain"),
)


@dataclass(frozen=True)
class Row:
    """One combination of versions.

    Args:
        about: What it stands for.
        python: Its interpreter's command.
        pip: Arguments of ``pip install``, one call after another.
    """

    about: str
    pip: tuple[str, ...]
    python: str = "python3.11"


def _upstream(torch: str, torchvision: str) -> tuple[str, ...]:
    return (
        f"'{SETUPTOOLS}' torch=={torch} torchvision=={torchvision}",
        f"mmengine==0.10.7 mmcv-lite==2.2.0 mmpretrain==1.2.0 pytest -e '{ROOT}'",
    )


DEFAULT = _upstream("2.14.1", "0.29.1")
ROWS = {
    "upstream": Row("upstream, torch of `make setup`", DEFAULT),
    "fork": Row(
        "the maintained fork",
        (
            # Source alone. It compiles its operators, which no classifier needs, only
            # where torch is there already; against torch 2.14 that fails.
            f"'{SETUPTOOLS}' wheel packaging",
            "--no-build-isolation --no-deps onedl-mmcv==2.3.6",
            "torch==2.14.1 torchvision==0.29.1 onedl-mmengine==0.10.12",
            f"--no-build-isolation onedl-mmpretrain==1.3.6 onedl-mmcv==2.3.6 {OTHERS} "
            "pytest",
            f"--no-build-isolation --no-deps -e '{ROOT}'",
        ),
    ),
    "oldest-torch": Row(
        "the oldest torch that is declared", _upstream("2.6.0", "0.21.0")
    ),
    **{
        f"python3.{minor}": Row(f"Python 3.{minor}", DEFAULT, python=f"python3.{minor}")
        for minor in (10, 12, 13, 14)
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        nargs="+",
        choices=ROWS,
        default=list(ROWS),
        metavar="NAME",
        help=f"rows to run: {', '.join(ROWS)}",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir(), "mmleaves-versions"),
        help="where the environments go (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave them there, and use those that are"
    )
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    bad = False
    for name in args.only:
        print(f"== {name}: {ROWS[name].about}", flush=True)
        versions, result = run_row(name, ROWS[name], args.folder, keep=args.keep)
        write_line(name, versions, result)
        print(f"== {name}: {result}", flush=True)
        bad |= not result.startswith(("passed", "not run"))
    sys.exit(bad)


def run_row(name: str, row: Row, folder: Path, *, keep: bool) -> tuple[str, str]:
    """Return the versions of a row, and what became of it."""
    interpreter = find_interpreter(row.python)
    if interpreter is None:
        return "", f"not run: no {row.python} here"
    venv = folder / name
    try:
        if not (keep and (venv / "installed").is_file()):
            shutil.rmtree(venv, ignore_errors=True)
            said = install(interpreter, row, venv)
            if said is not None:
                return "", f"does not install: {said}"
            (venv / "installed").touch()
        return versions_of(venv), run_tests(venv)
    finally:
        if not keep:
            shutil.rmtree(venv, ignore_errors=True)


def find_interpreter(command: str) -> str | None:
    """Return a Python that starts, from the path or from pyenv, None without."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    minor = command.removeprefix("python")
    found = [shutil.which(command), *root.glob(f"versions/{minor}.*/bin/{command}")]
    for path in filter(None, found):
        # One of pyenv's own commands may only say that it is not chosen.
        said = subprocess.run([path, "--version"], capture_output=True, text=True)
        if said.returncode == 0:
            return str(path)
    return None


def install(interpreter: str, row: Row, venv: Path) -> str | None:
    """Make the environment; return what went wrong, None if nothing did."""
    subprocess.run([interpreter, "-m", "venv", venv], check=True)
    for arguments in row.pip:
        pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
        env = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(
            [*pip, *shlex.split(arguments)], env=env, capture_output=True, text=True
        )
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-6000:], sep="\n")
            errors = re.findall(
                r"^.*(?:Error|ERROR|error): .*$", done.stderr, re.MULTILINE
            )
            return (errors or ["pip failed"])[-1].strip()[:200]
    return None


def versions_of(venv: Path) -> str:
    done = subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {one["name"].lower(): one["version"] for one in json.loads(done.stdout)}
    return ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found)


def run_tests(venv: Path) -> str:
    """Run `small.py` with an environment's Python; return what became of it."""
    done = subprocess.run(
        [
            venv / "bin" / "python",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=short",
            "-rf",
            SMALL,
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
    )
    print(done.stdout[-8000:], done.stderr[-3000:], sep="\n")
    counts = re.findall(
        r"^(?:=+ )?(\d+ (?:passed|failed).*) in [\d.]+", done.stdout, re.MULTILINE
    )
    failed = re.findall(r"^FAILED \S+::(\w+\S*)", done.stdout, re.MULTILINE)
    if done.returncode == 0:
        return f"passed: {counts[-1]}"
    return f"fails: {counts[-1] if counts else 'no test ran'}" + (
        f" ({', '.join(failed)})" if failed else ""
    )


def write_line(name: str, versions: str, result: str) -> None:
    """Put a row's line into the table of docs/versions.md, in the order of `ROWS`."""
    before, rows, after = re.split(
        f"{re.escape(BEGIN)}\n|{re.escape(END)}\n", PAGE.read_text()
    )
    lines = {
        re.match(r"\| `(.+?)` ", line)[1]: line
        for line in rows.splitlines()
        if line.startswith("| `")
    }
    row = ROWS[name]
    lines[name] = (
        f"| `{name}` | {row.about} | {versions or '—'} | {result.replace('|', '/')} |"
    )
    head = "| row | what | versions | result |\n|---|---|---|---|\n"
    body = "".join(f"{lines[key]}\n" for key in ROWS if key in lines)
    PAGE.write_text(f"{before}{BEGIN}\n{head}{body}{END}\n{after}")


if __name__ == "__main__":
    main()
