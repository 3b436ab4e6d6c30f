"""Feed mutated images, tables, class folders and checkpoints to what reads them.

Each is accepted rightly or refused by an error of our own. All else is a fault: another
error, a crash, more than 10 s, 500 MB more memory than before, a file written where
none belongs, code of a checkpoint that ran. A case is known by kind, seed and number.

python tests/fuzzing/run.py --cases 10000
"""

import argparse
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import mmleaves

MAX_S, MAX_MB, BATCH = 10, 500, 250
# Seeds whose first case is accepted.
HARMLESS = {"image": 100, "table": 100, "folders": 101, "checkpoints": 101}
OURS = Path(mmleaves.__file__).parent


def try_case(kind: str, seed: int, number: int, base: Path) -> tuple[str, str]:
    """Make a case and read it: ``"accepted"``, ``"refused"``, ``"fault"``; and why."""
    from fuzzing.mutations import WRITERS
    from fuzzing.readers import READERS

    draw = random.Random(f"{kind} {seed} {number}")
    folder = base / "given"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    given = WRITERS[kind](draw, str(folder))
    before = _listing(base)
    try:
        READERS[kind](given)
        outcome, text = "accepted", ""
    except (ValueError, OSError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        ours = OURS in Path(frame.filename).parents
        outcome, text = "refused", str(error)
        if not ours:
            outcome, text = "fault", _short(error)
    except Exception as error:
        outcome, text = "fault", _short(error)
    if new := _listing(base) - before:
        outcome, text = "fault", f"wrote {sorted(new)[:3]}"
    return outcome, text


def _short(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"


def _listing(base: Path) -> set[str]:
    return {
        os.path.join(folder, name)
        for folder, folders, files in os.walk(base)
        for name in folders + files
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run_batch(kind: str, seed: int, numbers: list[int], base: Path, told: int) -> None:
    """Try cases one by one, in a process of their own, and tell each on ``told``."""
    for name in ("home", "cwd", "tmp"):
        (base / name).mkdir(parents=True)
    os.environ |= {"HOME": str(base / "home"), "TMPDIR": str(base / "tmp")}
    tempfile.tempdir = None
    os.chdir(base / "cwd")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    # Loads what reads files of this kind, before the memory is measured.
    outcome, text = try_case(kind, HARMLESS[kind], 0, base)
    if outcome != "accepted":
        raise RuntimeError(f"the harmless {kind} was {outcome}: {text}")
    before = _peak_mb()
    with os.fdopen(told, "w") as out:
        for number in numbers:
            outcome, text = try_case(kind, seed, number, base)
            if (grown := _peak_mb() - before) > MAX_MB:
                outcome, text = "fault", f"took {grown:.0f} MB"
            print(json.dumps([outcome, number, text]), file=out, flush=True)
            if grown > MAX_MB:
                return  # a peak stays, so the next case is for another process


def run_batch(kind: str, seed: int, numbers: list[int]) -> list[tuple[str, int, str]]:
    """Try cases in forks, past every one that crashes or hangs."""
    results: list[tuple[str, int, str]] = []
    left = list(numbers)
    while left:
        with tempfile.TemporaryDirectory(prefix="fuzzing-") as base:
            reading, writing = os.pipe()
            if (child := os.fork()) == 0:
                os.close(reading)
                code = 1
                try:
                    _run_batch(kind, seed, left, Path(base, "b"), writing)
                    code = 0
                finally:
                    os._exit(code)
            os.close(writing)
            fault = _listen(reading, child, results)
            _, status = os.waitpid(child, 0)
        done = {number for _, number, _ in results}
        left = [number for number in left if number not in done]
        if left and (fault or status):
            text = fault or f"crashed: exit code {os.waitstatus_to_exitcode(status)}"
            results.append(("fault", left.pop(0), text))
    return results


def _listen(reading: int, child: int, results: list) -> str | None:
    """Collect what a child tells; kill it when a case takes too long."""
    rest = b""
    while True:
        ready, _, _ = select.select([reading], [], [], MAX_S)
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.close(reading)
            return f"took more than {MAX_S} s"
        data = os.read(reading, 1 << 16)
        if not data:
            os.close(reading)
            return None
        *lines, rest = (rest + data).split(b"\n")
        told = map(json.loads, lines)
        results += map(tuple, told)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="only this one")
    parser.add_argument("--case", type=int, help="only this number, with its traceback")
    args = parser.parse_args(argv)
    import torch

    from fuzzing.readers import READERS

    torch.set_num_threads(1)
    kinds = [args.kind] if args.kind else list(READERS)
    if args.case is not None:
        with tempfile.TemporaryDirectory() as base:
            print(*try_case(kinds[0], args.seed, args.case, Path(base)))
        return
    n_faults = 0
    for kind in kinds:
        began, counts = time.monotonic(), Counter()
        cases = range(args.cases // len(kinds))
        for start in range(0, len(cases), BATCH):
            batch = list(cases[start : start + BATCH])
            for outcome, number, text in run_batch(kind, args.seed, batch):
                counts[outcome] += 1
                if outcome == "fault":
                    print(f"{kind} {args.seed} {number}: {text}", flush=True)
        n_faults += counts["fault"]
        said = ", ".join(f"{counts[o]} {o}" for o in ("accepted", "refused", "fault"))
        print(f"{kind}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    sys.exit(n_faults > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
