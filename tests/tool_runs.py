"""How the tests run the tools: as a user does, each in a process of its own."""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TIMEOUT_S = 300
# One thread each: the suite runs two tests at a time on two cores.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def run_tool(
    name: str,
    *args: object,
    cwd: Path = ROOT,
    env: dict | None = None,
    fresh: bool = False,
    timeout_s: int = _TIMEOUT_S,
) -> subprocess.CompletedProcess:
    """Run ``tools/<name>.py`` in a process of its own, and return what it printed.

    Args:
        name: Of the tool.
        *args: Its arguments.
        cwd: The folder that it runs in.
        env: What its environment has beyond the test's own.
        fresh: Whether Python starts anew for it, as for a user. Else it is a fork of
            one that has imported the stack, which saves seconds. For tests of what
            Python and the imports read when they begin: the locale, the threads.
        timeout_s: After it the process is killed.

    Raises:
        subprocess.TimeoutExpired: If it was.
    """
    tool = ROOT / "tools" / f"{name}.py"
    if fresh:
        return run_python(tool, *args, cwd=cwd, env=env)
    command = [str(tool), *map(str, args)]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = _run_in_fork(
            {
                "argv": command,
                "cwd": str(cwd),
                "env": os.environ | _ENVIRONMENT | (env or {}),
                "out": str(out),
                "err": str(err),
            },
            timeout_s,
        )
        return subprocess.CompletedProcess(command, code, _text(out), _text(err))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _run_in_fork(asked: dict, timeout_s: int) -> int:
    """Return the exit code of what is asked for, negative for a signal."""
    server = _server()
    server.stdin.write(json.dumps(asked).encode() + b"\n")
    child = int(server.stdout.readline())
    late = not select.select([server.stdout], [], [], timeout_s)[0]
    if late:
        os.killpg(child, signal.SIGKILL)
    code = int(server.stdout.readline())
    if late:
        raise subprocess.TimeoutExpired(asked["argv"], timeout_s)
    return code


@cache
def _server() -> subprocess.Popen:
    """Start, once, the Python that forks."""
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "warm_server.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | _ENVIRONMENT,
        # A line is read when it is asked for: `select` does not see what lies in a
        # buffer of ours.
        bufsize=0,
        # A Ctrl-C is for pytest, which ends it by closing its input.
        start_new_session=True,
    )
    atexit.register(server.communicate)
    return server


def run_python(
    *args: object, cwd: Path = ROOT, env: dict | None = None
) -> subprocess.CompletedProcess:
    """Run Python anew, and return what it printed."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env=os.environ | _ENVIRONMENT | (env or {}),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )


def check(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """Fail with what a tool printed if it did not succeed."""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done
