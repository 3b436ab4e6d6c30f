"""What tells one computation from another, where a ``repr`` does not."""

import json
import re
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tool_runs import check, run_python
from torchvision import transforms

from mmleaves.cache.identity import described


def test_settings_that_a_repr_leaves_out_count():
    weak, strong = (transforms.RandomPerspective(by) for by in (0.1, 0.9))
    assert repr(weak) == repr(strong)
    assert described(weak) != described(strong)
    assert described(weak) == described(transforms.RandomPerspective(0.1))


def test_every_number_of_a_long_array_counts():
    one = np.zeros(5000)
    other = one.copy()
    other[2500] = 1
    assert repr(one) == repr(other)
    assert described([one]) != described([other])
    assert described(torch.zeros(9)) != described(torch.zeros(3, 3))


def test_what_a_function_is_given_beforehand_counts():
    assert described(partial(pow, 2)) != described(partial(pow, 3))


def test_what_a_function_took_from_around_it_counts():
    def brighter(by, times=1):
        return lambda image, power=times: image + by * power

    assert described(brighter(1)) == described(brighter(1))
    assert described(brighter(1)) != described(brighter(2))
    assert described(brighter(1)) != described(brighter(1, times=2))


class Slotted:
    __slots__ = ("by", "other")

    def __init__(self, by):
        self.by = by


def test_a_module_that_a_function_took_from_around_it_is_its_name_and_version():
    def made(module):
        return lambda image: module.flip(image, 1)

    told = json.dumps(described(made(cv2)))
    assert "cv2" in told and cv2.__version__ in told
    assert len(told) < 1000


def test_settings_in_slots_count():
    assert described(Slotted(1)) == described(Slotted(1))
    assert described(Slotted(1)) != described(Slotted(2))
    path = Path("a", "b")
    before = described(path)
    assert hash(path)  # which a path keeps in a slot, another one in each process
    assert described(path) == before


def test_what_holds_itself_has_an_end():
    node = {"name": "a"}
    node["self"] = node
    assert json.dumps(described(node)) == json.dumps(
        [["'name'", "'a'"], ["'self'", "itself"]]
    )


PRINT = """
import json
import re
import numpy as np
from torchvision import transforms
from mmleaves.cache.identity import described

class Plain:
    pass

steps = [transforms.Compose([transforms.ToTensor()]), re.compile("a"), Plain(), {"b"}]
steps += [np.array(["leaf", None, ("x", 1)], dtype=object), (lambda i: i in {"c", "d"})]
print(json.dumps(described([*steps, object(), len])))
"""


def test_another_process_says_the_same():
    said = {check(run_python("-c", PRINT)).stdout for _ in range(2)}
    assert len(said) == 1
    assert not re.search("0x[0-9a-f]+", said.pop())


CODE = """
import sys
sys.path.insert(0, sys.argv[1])
import the_step
from mmleaves.cache.identity import code_of, described
print(code_of(the_step.Step))
print(described((lambda module: lambda: module)(the_step)), file=sys.stderr)
"""


def test_other_code_of_a_class_or_of_its_base_is_another(tmp_path):
    base, own = tmp_path / "the_base.py", tmp_path / "the_step.py"
    base.write_text("class Base:\n    pass\n")
    own.write_text("from the_base import Base\nclass Step(Base):\n    pass\n")
    classes, modules = set(), set()
    for changed in (None, own, base):
        if changed:
            changed.write_text(f"{changed.read_text()}    # changed\n")
        done = check(run_python("-c", CODE, tmp_path))
        classes.add(done.stdout)
        modules.add(done.stderr)
    assert len(classes) == 3
    # A module that a function holds counts by its own file alone.
    assert len(modules) == 2


def test_what_is_written_in_c_is_known_by_what_it_would_be_pickled_as():
    one, other = (pd.Series([1, 2, last]) for last in (3, 4))
    assert described(one) == described(one.copy()) != described(other)
    one, other = (re.compile(f"{'x' * 400}{end}") for end in "ab")
    assert repr(one) == repr(other)
    assert described(one) != described(other)
    one, other = (Image.new("L", (9, 9), grey) for grey in (0, 1))
    assert described(one) == described(one.copy()) != described(other)
    other = one.convert("P")
    assert described(other) != described(one)
    tinted = other.copy()
    tinted.putpalette([0, 0, 7])
    assert described(tinted) != described(other)
    one, other = (cache(lambda by=by: by) for by in (1, 2))
    assert described(one) != described(other)
    assert described({"a": 1}.get) != described({"a": 2}.get)
    assert described(np.random.default_rng(1)) == described(np.random.default_rng(2))
    one, other = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    assert described(one) == described(other)


def test_functions_of_one_line_are_two():
    one, other = (lambda image: image + 1), (lambda image: image + 2)
    assert described(one) != described(other)


def test_what_nothing_tells_the_settings_of_is_refused():
    message = "found a cv2.CLAHE in a pipeline or a data set, and nothing tells what"
    with pytest.raises(ValueError, match=message):
        described({"equalise": cv2.createCLAHE(clipLimit=2)})


def test_what_is_typed_into_a_console_is_known_by_its_code():
    made = set()
    for body in (
        "def transform(self, image): return image + 1",
        "def transform(self, image): return image + 2",
        "def transform(self, image, by=1): return image + by",
        "def transform(self, image, by=2): return image + by",
        "by = 1",
        "by = 2",
    ):
        scope = {"__name__": "__console__"}
        exec(f"class Step:\n    {body}", scope)
        made.add(json.dumps(described(scope["Step"]())))
    assert len(made) == 6
