"""What the benchmarks read in the logs of runs."""

import importlib.util
import sys

import pytest
from tool_runs import ROOT

LOG = """\
11/22 10:00:00 - mmengine - INFO - Epoch(train)  [1][1/3]  time: 9.0  loss: 4.5
11/22 10:00:00 - mmengine - INFO - Epoch(train)  [1][2/3]  time: 8.0  loss: 4.5
11/22 10:00:00 - mmengine - INFO - Epoch(train)  [1][3/3]  time: 0.2  loss: 4.5
11/22 10:00:30 - mmengine - INFO - Epoch(val) [1][1/2]  data_time: 0.1  time: 0.3
11/22 10:00:31 - mmengine - INFO - Epoch(val) [1][2/2]  data_time: 0.1  time: 0.3
11/22 10:00:31 - mmengine - INFO - Epoch(val) [1][2/2]  accuracy/top1: 3  time: 0.3
11/22 10:01:30 - mmengine - INFO - Epoch(train)  [2][1/3]  time: 1.0  loss: 4.5
11/22 10:01:40 - mmengine - INFO - Epoch(train)  [2][2/3]  time: 2.0  loss: 4.5
11/22 10:01:50 - mmengine - INFO - Epoch(train)  [2][3/3]  time: 0.1  loss: 4.5
11/22 10:02:01 - mmengine - INFO - Epoch(val) [2][2/2]  data_time: 0.1  time: 0.3
11/22 10:02:01 - mmengine - INFO - Epoch(val) [2][2/2]  accuracy/top1: 4  time: 0.3
"""


@pytest.fixture(scope="module")
def processes():
    path = ROOT / "benchmarks" / "processes.py"
    spec = importlib.util.spec_from_file_location("processes", path)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for their module there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "processes", module)
        spec.loader.exec_module(module)
    return module


def test_an_iteration_is_a_mean_of_the_second_epoch_without_its_last(processes):
    assert processes.seconds_per_iteration(LOG) == 1.5
    lines = LOG.splitlines(keepends=True)
    for without in ("[2][1/3]", "[2][2/3]", "[2][3/3]"):
        fewer = "".join(line for line in lines if without not in line)
        with pytest.raises(RuntimeError, match="no whole second epoch"):
            processes.seconds_per_iteration(fewer)


def test_an_iteration_of_timm_is_the_same_mean(processes):
    line = "Train: {} [{:>4d}/3 ({:>3.0f}%)]  Loss: 4.5 (4.6)  Time: {:.3f}s, 64.00/s"
    rows = [(0, 9), (0, 8), (0, 7), (1, 1), (1, 2), (1, 0.1)]
    lines = [line.format(e, i % 3, i * 50, t) for i, (e, t) in enumerate(rows)]
    assert processes.seconds_per_iteration_of_timm("\n".join(lines)) == 1.5
    with pytest.raises(RuntimeError, match="no whole second epoch"):
        processes.seconds_per_iteration_of_timm("\n".join(lines[:-1]))


def test_an_epoch_ends_once_however_many_lines_say_so(processes):
    assert processes.seconds_per_epoch(LOG) == 90
    with pytest.raises(RuntimeError, match="fewer than two epochs"):
        processes.seconds_per_epoch(LOG.partition("11/22 10:02:01")[0])


def test_the_final_score_is_that_of_the_last_validation(processes):
    assert processes.final_score(LOG) == 4
    with pytest.raises(RuntimeError, match="no score"):
        processes.final_score(LOG.partition("accuracy")[0])
