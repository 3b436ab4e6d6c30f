"""No annotation file runs code, whatever reads it."""

import pickle
from pathlib import Path

import mmengine
import pytest
import yaml
from mmengine.dataset import BaseDataset
from tool_runs import run_tool

import mmleaves.datasets  # noqa: F401 - replaces the handler

CONFIG = """
train_dataloader = dict(
    batch_size=1, sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="{kind}", ann_file={file!r}, pipeline=[]),
)
"""


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture(params=["annotations.pkl", "annotations.pickle"])
def file(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(pickle.dumps(Payload(tmp_path / "it ran")))
    return path


def test_no_pickle_is_read(file):
    with pytest.raises(ValueError, match="could run any code, expected annotations"):
        BaseDataset(ann_file=str(file))
    with file.open("rb") as opened, pytest.raises(ValueError, match="was not read"):
        mmengine.load(opened, file_format="pkl")
    assert not (file.parent / "it ran").exists()


def test_one_can_still_be_written(tmp_path):
    mmengine.dump({"a": 1}, str(tmp_path / "a.pkl"))
    assert pickle.loads((tmp_path / "a.pkl").read_bytes()) == {"a": 1}


def test_yaml_makes_plain_values_only(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, x]\n")
    assert mmengine.load(path) == {"a": [1, "x"]}
    path.write_text(f"!!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(yaml.YAMLError):
        mmengine.load(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["BaseDataset", "MultiLabelDataset"])
def test_check_reads_none_that_a_config_names(kind, file, tmp_path):
    config = tmp_path / "named.py"
    config.write_text(CONFIG.format(kind=kind, file=str(file)))
    done = run_tool("check_data", config)
    assert done.returncode == 1, done.stderr  # as of each error that it finds
    assert "The annotation file (ann_file) was not read: it is a pickle" in done.stdout
    assert not (tmp_path / "it ran").exists()
