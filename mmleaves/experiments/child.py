"""The process that does one run and nothing else."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path

from mmleaves.exit_codes import TERMINATED
from mmleaves.experiments.runs import LOG, Run

# What a process says by its exit code; 0 is a complete run.
# Between `repeat` and its processes alone, so none of those that commands end with.
TAKEN = 97
STOPPED = TERMINATED
GRACE_SECONDS = 5
STARTED = "----- started "
# What only someone who typed the command can do.
DEBUG = "(--debug "
# Of an error that names files, a line each.
SHOWN_LINES = 8


def child(run: Run, slot: int) -> None:
    """Do a run with what it prints in its ``log.txt``, and exit.

    The process ends with its parent, however that ends: a training whose results nobody
    waits for would hold its lock and a core.

    Args:
        run: The run.
        slot: Which of the runs at work at once it is, from 0.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True)
        watch.start()
        # MMEngine would warn of it: its own workers start otherwise.
        multiprocessing.set_start_method(None, force=True)
    take_gpu(slot)
    print_into(run.folder / LOG)
    sys.exit(0 if done(run) else TAKEN)


def take_gpu(slot: int) -> None:
    """Let this process see one GPU of those there are; else all would take the first.

    Not measured: there was no machine with several.
    """
    import torch

    count = torch.cuda.device_count()  # asks the driver, and starts nothing
    if count > 1:
        numbers = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu_of(slot, numbers, count)


def gpu_of(slot: int, visible: str | None, count: int) -> str:
    """Return the GPU of a slot, as ``CUDA_VISIBLE_DEVICES`` names it.

    Args:
        slot: Which of the runs at work at once, from 0.
        visible: What that variable is now, or None.
        count: How many GPUs this process sees.
    """
    names = visible.split(",")[:count] if visible else [*map(str, range(count))]
    return names[slot % count]


def done(run: Run) -> bool:
    """Do a run; exit with an error's text if it cannot be done.

    Returns:
        Whether it is complete; False if another process is doing it.
    """
    from mmleaves.commands.reported_errors import exit_code, message
    from mmleaves.errors import RunError
    from mmleaves.experiments.do_run import do_run

    try:
        return do_run(run)
    except (ValueError, OSError, RunError) as error:
        traceback.print_exc()
        print(f"\nError: {message(error)}", file=sys.stderr)
        sys.exit(exit_code(error))


def failure(run: Run, exit_code: int) -> str:
    """Return what a failed run's log says of it, and where it is."""
    log = run.folder / LOG
    text = log.read_text("utf-8", "replace") if log.is_file() else ""
    # Earlier attempts stand above the last start.
    lines = text.rpartition(STARTED)[2].splitlines()[1:]
    said = [line for line in lines if line.strip() and not line.startswith(DEBUG)]
    errors = [i for i, line in enumerate(said) if line.startswith("Error: ")]
    if exit_code < 0:
        reason = f"it was ended by signal {-exit_code}, as when memory is short"
    elif errors:
        told = said[errors[-1] :][:SHOWN_LINES]
        reason = "\n".join(told).removeprefix("Error: ")
    else:
        reason = said[-1] if said else f"exit code {exit_code}"
    return f"{reason} (whole log: {log})"


def _stop(*_: object) -> None:
    sys.exit(STOPPED)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    # In case the main thread is deep in a computation.
    time.sleep(GRACE_SECONDS)
    os._exit(STOPPED)


def print_into(path: Path) -> None:
    """Let all that this process prints from here on end up in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that finds the run taken must not wipe the other's log.
    file = path.open("a")
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    # Names of files and classes stand in it, whatever the terminal's encoding.
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", 1, encoding="utf-8", errors="backslashreplace")
        for number in (1, 2)
    )
    now = datetime.now().isoformat(timespec="seconds")
    print(f"{STARTED}{now}, process {os.getpid()}")
