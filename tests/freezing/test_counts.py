"""The sums of the notes' table 3, to the digit, and for any other number of blocks."""

import json
import re

import pytest
from mmengine.config import Config
from tool_runs import ROOT, check, run_tool

from mmleaves.config import load_config
from mmleaves.freezing.counting import build_without_weights, count_parameters
from mmleaves.model_config import fit_num_classes

TABLE = {
    "3.1": (87_152_136, 86_721_736),
    "3.2": (87_152_136, 29_155_528),
    "3.3": (85_998_536, 2_516_168),
    "3.4": (85_998_536, 9_603_272),
    "3.5": (85_998_536, 28_502_216),
    "3.6": (303_568_072, 50_585_800),
    "3.7": (81_816_072, 81_413_320),  # torchvision's; the notes give none
}


def configs(row):
    """Return the configs that run a row of the notes."""
    pattern = rf"experiments\.md, {re.escape(row)}\b"
    found = [
        p for p in ROOT.glob("configs/[!_]*.py") if re.search(pattern, p.read_text())
    ]
    assert found
    return found


@pytest.mark.parametrize("row", TABLE)
def test_the_sums_of_the_notes_come_out_to_the_digit(row):
    for path in configs(row):
        report, _ = count_parameters(load_config(str(path)), 200)
        assert (report["total"], report["trainable"]) == TABLE[row]


# Queries, keys, values and output, d x d each with a bias of d; the classifier of 200.
@pytest.mark.parametrize(
    ("row", "width", "blocks"), [("3.4", 768, 12), ("3.6", 1024, 24)]
)
def test_attention_of_any_number_of_blocks_adds_up(row, width, blocks):
    cfg = load_config(str(configs(row)[0]))
    for count in range(1, blocks + 1):
        cfg.trainable = f"attention:{count}"
        report, _ = count_parameters(cfg, 200)
        assert report["total"] == TABLE[row][0]
        attention = count * 4 * (width * width + width)
        assert report["trainable"] == attention + 200 * (width + 1)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("configs/_base_/models/*.py")), ids=lambda path: path.stem
)
def test_a_model_is_counted_without_memory(path):
    cfg = Config.fromfile(path)
    fit_num_classes(cfg, 2)
    model = build_without_weights(cfg.model)
    assert all(parameter.is_meta for parameter in model.parameters())


def test_a_branch_that_is_frozen_twice_is_refused_as_training_does():
    cfg = load_config("mobilenet-v2-224-112-concat_all_b32-adamw-cosine10_busi")
    cfg.trainable = "last:1"
    cfg.model.backbone.branches.fine.frozen_stages = 7
    with pytest.raises(ValueError, match=r"branches\.fine\.frozen_stages=7\. Keep `t"):
        count_parameters(cfg, 2)


def test_the_tool_prints_json_alone_and_says_where_the_classes_are_from(tmp_path):
    (path,) = configs("3.3")
    missing = f"dataset.data_root={tmp_path / 'nowhere'}"
    done = check(run_tool("freeze_report", path, "--json", "--cfg-options", missing))
    report = json.loads(done.stdout)
    assert (report["total"], report["trainable"]) == TABLE["3.3"]
    assert sum(row["total"] for row in report["parts"]) == report["total"]
    assert "Counted with 200 classes, the config's `reference_classes`" in done.stderr
    options = [missing, "trainable=last:1", "--num-classes", 7]
    done = check(run_tool("freeze_report", path, "--cfg-options", *options))
    assert "block 12 (layers.11)" in done.stdout
    assert "Counted with 7 classes, as asked." in done.stderr


def test_without_data_and_without_a_number_it_says_what_to_give(tmp_path):
    config = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
    missing = f"dataset.data_root={tmp_path / 'nowhere'}"
    done = run_tool("freeze_report", config, "--cfg-options", missing)
    assert done.returncode == 2
    assert (
        "The number of classes follows the data, and they are not there" in done.stderr
    )
    assert "--num-classes" in done.stderr
