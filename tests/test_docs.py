"""What the pages say of configs: examples, commands, and lists."""

import itertools
import re
import shlex

import pytest
from shipped_configs import CONFIGS, load, row
from tool_runs import ROOT

from mmleaves.config import load_config
from mmleaves.config_options import merge_options
from mmleaves.doctor.diagnosis import check_config

PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")])
# A page's Python that is a config of the reader's own, and its training commands.
OWN_CONFIG = re.compile(r"```python\n((?:(?!```).)*?^_base_ = .+?)```", re.M | re.S)
TRAINING = re.compile(r"^python tools/train\.py (.+--cfg-options .+)$", re.M)
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def found_on_pages(pattern):
    return [
        pytest.param(found, id=f"{page.name}-{number}")
        for page in PAGES
        for number, found in enumerate(pattern.findall(page.read_text("utf-8")), 1)
    ]


def faults(cfg):
    """Return what the doctor says, but for data and weights that are not there."""
    return [f.text for f in check_config(cfg) if f.kind not in ("data", "weights")]


@pytest.mark.parametrize("text", found_on_pages(OWN_CONFIG))
def test_the_doctor_finds_nothing_in_a_config_that_a_page_shows(text, tmp_path):
    (tmp_path / "my").mkdir()
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    config = tmp_path / "my" / "shown.py"
    config.write_text(text)
    assert faults(load_config(str(config))) == []


@pytest.mark.parametrize("command", found_on_pages(TRAINING))
def test_the_settings_of_a_command_on_a_page_go_with_its_config(command):
    name, *_ = arguments = shlex.split(command)
    settings = arguments[arguments.index("--cfg-options") + 1 :]
    name = name.removeprefix("configs/").removesuffix(".py")
    cfg = load_config(str(ROOT / "configs" / f"{name}.py"))
    merge_options(cfg, settings)
    # Some batches are smaller than those that the rate is for.
    assert [fault for fault in faults(cfg) if "--auto-scale-lr" not in fault] == []


def listed(text):
    """Return the configs behind each row, as docs/configs.md lists them."""
    rows = re.findall(r"^\| (\d(?:\.\d)?) \| (.+) \|$", text, re.M)
    return {number: set(re.findall("`(.+?)`", names)) for number, names in rows}


def test_the_page_of_configs_lists_the_rows_that_headers_name():
    named = {}
    for path in CONFIGS:
        if row(path):
            named.setdefault(row(path), set()).add(path.stem)
    assert listed((ROOT / "docs" / "configs.md").read_text()) == named


@pytest.mark.parametrize("data", ["busi", "busi-128px", "caltech", "leaves"])
def test_only_what_is_trained_differs_from_all_of_it(data):
    """As docs/configs.md says of LP-FT, and of `all` with another `trainable`."""
    name = f"configs/mobilenet-v2_{{}}_b32-adamw-cosine10_{data}.py"
    whole, first = (load(ROOT / name.format(word)) for word in ("all", "probe-all3"))
    if data == "busi-128px":
        probe = load(ROOT / name.format("probe"))
    else:
        probe = load(ROOT / name.format("all"))
        merge_options(probe, ["trainable=classifier"])
    for cfg, trainable in (
        (first, ["classifier", "all@3"]),
        (probe, "classifier"),
    ):
        assert cfg.trainable == trainable
        assert different(cfg, whole) == {"trainable"}


def different(one, other):
    keys = {*one, *other} - {"work_dir"}
    return {key for key in keys if one.get(key) != other.get(key)}


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if "cosine10" in path.stem],
    ids=lambda path: path.stem,
)
def test_a_cosine_goes_by_epoch_with_sgd_and_by_iteration_with_adamw(path):
    (schedule,) = (cfg := load(path)).param_scheduler
    by_iteration = schedule.get("convert_to_iter_based", False)
    assert by_iteration == (cfg.optim_wrapper.optimizer.type == "AdamW")


def test_the_two_readmes_compare_the_same_and_link_the_same_pages():
    english, chinese = readmes()
    assert shapes(english) == shapes(chinese)
    assert different_rows(english, chinese) == []
    links = [
        set(re.findall(r"\((docs/\w+\.md)\)", text)) for text in (english, chinese)
    ]
    assert links[0] == links[1]


def test_a_figure_that_one_readme_changed_is_found():
    english, chinese = readmes()
    lines = [line for line in itertools.chain(*tables(english)) if NUMBER.search(line)]
    assert lines
    for line in lines:
        for figure in NUMBER.finditer(line):
            start = figure.start()
            other = f"{line[:start]}9{line[start:]}"
            found = different_rows(english.replace(line, other, 1), chinese)
            assert [one for one, _ in found] == [other]


def readmes():
    """Return the English and the Chinese one."""
    return [(ROOT / name).read_text("utf-8") for name in ("README.md", "README_zh.md")]


def tables(text):
    """Return the rows of each table, in order."""
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, re.M)]


def shapes(text):
    """Return how many cells the rows of each table have, in order."""
    return [[len(row.split(" | ")) for row in table] for table in tables(text)]


def different_rows(one, other):
    """Return the rows of two pages whose cells do not have the same figures."""
    rows = (itertools.chain(*tables(text)) for text in (one, other))
    pairs = zip(*rows, strict=True)
    return [pair for pair in pairs if figures(pair[0]) != figures(pair[1])]


def figures(row):
    """Return the numbers in each cell of a row, without the commas of thousands.

    They are sorted, as each language has an order of its own.
    """
    return [
        sorted(found.replace(",", "") for found in NUMBER.findall(cell))
        for cell in row.split(" | ")
    ]
