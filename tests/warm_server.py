"""A Python that has imported the stack already, and forks a process for each tool.

Importing takes most of the time of a short run. A fork is a process of its own all the
same: with its own memory, environment, folder, descriptors, signals and exit code.

For each line of JSON on standard input, an object of `argv`, `cwd`, `env`, `out` and
`err`, it prints the number of the process that runs the script `argv[0]`, and when that
has ended its exit code.
"""

import gc
import json
import os
import random
import resource
import runpy
import signal
import sys
from pathlib import Path


def serve() -> list[str] | None:
    """Answer until the input ends; return, in a fork, the arguments of its script."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            become(asked)
            return asked["argv"]
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def become(asked: dict) -> None:
    """Turn this fork into what a Python started for the script would be."""
    import numpy as np

    os.setsid()
    # A pytest in the background ignores it, and what it starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (
        os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for name in ("out", "err")
    )
    for number, own in enumerate((nothing, out, err)):
        os.dup2(own, number)
        os.close(own)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8")
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["argv"]
    more = asked["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [str(Path(asked["argv"][0]).parent), *filter(None, more)]
    # Else two runs without a seed would draw the same.
    random.seed()
    np.random.seed()


def import_stack() -> None:
    """Import what the tools import; nothing here may start a thread."""
    from importlib import import_module

    import mmpretrain.datasets
    import mmpretrain.evaluation
    import mmpretrain.models  # noqa: F401

    import mmleaves.runner  # noqa: F401
    from mmleaves.cli import COMMANDS

    for name in COMMANDS:
        import_module(f"mmleaves.commands.{name.replace('-', '_')}")
    for name in ("matplotlib.pyplot", "pandas", "pyarrow.parquet", "sklearn.metrics"):
        import_module(name)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import_stack()
    gc.freeze()  # so that no fork goes through all that, and copies its pages
    argv = serve()
    if argv is not None:
        runpy.run_path(argv[0], run_name="__main__")
