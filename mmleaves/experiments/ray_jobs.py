"""Do the runs of an experiment on a Ray cluster."""

import contextlib
import logging
import os
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmleaves.experiments.child import TAKEN, failure
from mmleaves.experiments.jobs import GIVE_UP_AFTER, Watcher, cores
from mmleaves.experiments.runs import LOG, Run

LOCAL = "local"
CRASHED = 1


def run_on_ray(
    runs: Sequence[Run], *, address: str, jobs: int, watcher: Watcher
) -> list[Run]:
    """Do runs as tasks of Ray, each in a worker of its own; return those that failed.

    The folder of the experiment and the data must be where they are here on all nodes.
    As with `run_jobs`, a config of which two runs failed is given up. Runs that another
    process is doing are not waited for, and count as failed.

    Args:
        runs: What to do, in this order; none is complete.
        address: Of the cluster, or ``"local"`` for one that is started here and ended.
        jobs: How many at once on a local cluster; elsewhere Ray decides by the cores.
        watcher: Is told what happens.

    Raises:
        ValueError: If Ray is not installed, or there is no cluster.
    """
    if not runs:
        return []
    try:
        import ray
    except ImportError:
        raise ValueError(
            "found no Ray, which --ray needs. Install it: pip install 'mmleaves[ray]'."
        ) from None
    threads = threads_of_a_run()
    with _cluster(address, slots=jobs * threads):
        if address != LOCAL:
            threads = _fitting_threads(threads)
        gpu = 1 if ray.cluster_resources().get("GPU") else 0
        # A worker does one run and ends: nothing of a run is left for the next.
        task = ray.remote(num_cpus=threads, num_gpus=gpu, max_calls=1, max_retries=0)(
            _do
        )
        folder, path = str(Path.cwd()), os.environ.get("PYTHONPATH", "")
        todo = {
            task.options(runtime_env=_environment(threads, path)).remote(
                run, folder
            ): run
            for run in runs
        }
        return _collect(todo, watcher)


def threads_of_a_run() -> int:
    """Return how many threads ``OMP_NUM_THREADS`` gives a run, 1 if it is not set."""
    # OpenMP takes a list as well, a number for each level of nesting: "4,2".
    first = os.environ.get("OMP_NUM_THREADS", "1").partition(",")[0]
    return max(1, int(first))


def _fitting_threads(most: int) -> int:
    """Return how many cores a run can have on every node, and beside each of its GPUs.

    This machine may have more, and a task that fits no node would wait for ever.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    shares = [n["CPU"] / max(1, n.get("GPU", 0)) for n in nodes if n.get("CPU")]
    return max(1, min([most, *map(int, shares)]))


def _collect(todo: dict, watcher: Watcher) -> list[Run]:
    import ray

    failed: list[Run] = []
    given_up: Counter[str] = Counter()
    while todo:
        (ended, *_), _ = ray.wait(list(todo), num_returns=1)
        run = todo.pop(ended)
        try:
            code = ray.get(ended)
        except ray.exceptions.TaskCancelledError:
            failed.append(run)
            watcher.given_up(run)
            continue
        except ray.exceptions.RayError:
            code = CRASHED
        if code == 0:
            watcher.finished(run, elsewhere=False)
            continue
        failed.append(run)
        if code == TAKEN:
            watcher.failed(run, "another process is doing it")
            continue
        watcher.failed(run, failure(run, code))
        given_up[run.config] += 1
        if given_up[run.config] == GIVE_UP_AFTER:
            for other, waits in todo.items():
                if waits.config == run.config:
                    ray.cancel(other)
    return failed


@contextlib.contextmanager
def _cluster(address: str, slots: int) -> Iterator[None]:
    """Connect to a cluster, or start one here that has cores for all jobs."""
    import ray

    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == LOCAL:
            slots = max(slots, cores())
            ray.init(num_cpus=slots, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError) as error:
        raise ValueError(
            f"--ray {address}: found no Ray cluster to connect to ({error}). Start one "
            "by `ray start --head`, or leave the address out for a local one."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _environment(threads: int, path: str) -> dict:
    variables = {"OMP_NUM_THREADS": str(threads)}
    if path:
        variables["PYTHONPATH"] = path
    return {"env_vars": variables}


def _do(run: Run, folder: str) -> int:
    """Do a run in a worker of Ray, and return what its process would exit with."""
    from mmleaves.experiments.child import done, print_into

    os.chdir(folder)
    print_into(run.folder / LOG)
    try:
        return 0 if done(run) else TAKEN
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else CRASHED
    except Exception:
        traceback.print_exc()  # into the run's log; Ray's own is on another machine
        return CRASHED
