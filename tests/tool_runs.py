"""How the tests run the tools: as a user does, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_tool(
    name: str, *args: object, cwd: Path = ROOT, env: dict | None = None
) -> subprocess.CompletedProcess:
    """Run ``tools/<name>.py`` as a user does, and return what it printed."""
    return run_python(ROOT / "tools" / f"{name}.py", *args, cwd=cwd, env=env)


def run_python(
    *args: object, cwd: Path = ROOT, env: dict | None = None
) -> subprocess.CompletedProcess:
    """Run Python in a process of its own, and return what it printed."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        # One thread each: the suite runs two tests at a time on two cores.
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (env or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )


def check(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """Fail with what a tool printed if it did not succeed."""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done
