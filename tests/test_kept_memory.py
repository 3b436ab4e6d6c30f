"""Freed memory stays with the process, and is used again."""

import sys

import pytest
from tool_runs import check, run_python

# Frees 400 MB, and prints how many MB the process still holds.
SCRIPT = """
import sys
import torch
from mmleaves.kept_memory import keep_freed_memory

def held():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * 4096 / 2**20

print(keep_freed_memory())
before = held()
del_me = [torch.ones(25 * 2**20 // 4 * 4) for _ in range(4)]
peak = held()
del del_me
print(peak - before, peak - held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
@pytest.mark.parametrize(
    ("environment", "kept"), [({}, True), ({"MALLOC_MMAP_MAX_": "65536"}, False)]
)
def test_memory_stays_unless_the_environment_has_settings_of_its_own(environment, kept):
    done = check(run_python("-c", SCRIPT, env=environment))
    said, sizes = done.stdout.splitlines()
    taken, given_back = map(float, sizes.split())
    assert said == str(kept)
    assert taken > 350
    assert (given_back < 50) == kept
