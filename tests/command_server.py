"""Runs commands of ours, each in a fork of a process that has imported the stack.

A line of JSON on its input is a job, a line on its output what came of it. What a job
does, dies of and leaves is that of a process of its own; only the seconds that imports
take are shared. `input_runs.py` has the other end.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from importlib import import_module


def main():
    # Before any thread starts: a fork takes one along only.
    import mmleaves.audit.audit
    import mmleaves.commands.check
    import mmleaves.commands.predict
    import mmleaves.commands.show_predictions
    import mmleaves.commands.test
    import mmleaves.commands.train
    import mmleaves.evidence.predict
    import mmleaves.evidence.prediction_sheet  # noqa: F401

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


def run(command, arguments, cwd, env, timeout_s):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.chdir(cwd)
            os.environ.update(env)
            code = run_here(command, arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
        signal.alarm(timeout_s)
        _, status, used = os.wait4(child, 0)
        signal.alarm(0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "surrogateescape"))
    return {
        "returncode": os.waitstatus_to_exitcode(status),
        "stdout": texts[0],
        "stderr": texts[1],
        "peak_mb": used.ru_maxrss / 1024,
        "cpu_s": used.ru_utime + used.ru_stime,
    }


def run_here(command, arguments):
    name = command.replace("-", "_")
    sys.argv = [f"mmleaves {command}", *arguments]
    try:
        import_module(f"mmleaves.commands.{name}").main(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
