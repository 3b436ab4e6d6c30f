"""Faulty configs are found out, and sound ones are left alone."""

import copy
import re

import pytest
from doctor.faulty_configs import FAULTS, SOUND
from PIL import Image
from tool_runs import ROOT

from mmleaves.config import load_config
from mmleaves.doctor.diagnosis import check_config, config_findings, diagnose
from mmleaves.doctor.terminal import as_dict, lines


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of three classes, eight images each, no two alike."""
    folder = tmp_path_factory.mktemp("doctor") / "data"
    for i, name in enumerate(("ash", "elm", "oak")):
        (folder / name).mkdir(parents=True)
        for j in range(8):
            Image.new("RGB", (8, 8), (80 * i, 20 * j, 9)).save(
                folder / name / f"{j}.png"
            )
    return folder


@pytest.fixture(scope="module")
def sound(data):
    """The sound config, its bases merged in, as each of them takes a second."""
    path = data.parent / "with_bases.py"
    path.write_text(SOUND.format(configs=ROOT / "configs", data=data))
    load_config(str(path)).dump(data.parent / "sound.py")
    return data.parent / "sound.py"


@pytest.fixture
def config(data, sound, tmp_path):
    """Writes a config, the sound one or with other lines."""

    def write(text="", alone=False):
        path = tmp_path / "faulty.py"
        own = text.format(configs=ROOT / "configs", data=data)
        base = "" if alone or "_base_" in own else f'_base_ = ["{sound}"]\n'
        path.write_text(base + own)
        return str(path)

    return write


def is_right(finding, fault):
    right = finding.kind == fault.kind and finding.where == fault.where
    return right and fault.says in finding.text + finding.line


def test_a_sound_config_has_no_finding(config):
    assert config_findings(config()) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_where_it_is(fault, config):
    findings = config_findings(config(fault.text, fault.alone))
    assert any(is_right(finding, fault) for finding in findings), findings


def test_enough_faults_are_tried_and_most_are_of_real_issues():
    assert len(FAULTS) >= 25
    cited = [fault for fault in FAULTS if re.search(r"#\d+$", fault.source)]
    assert len(cited) >= 25
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_finding_names_file_line_and_what_to_write(config, sound):
    path = config("train_cfg = dict(max_epochs=3)\n\ntrainable = 'last:12'")
    diagnosis = diagnose(path)
    found = as_dict(diagnosis)["findings"]
    (finding,) = [f for f in found if f["kind"] == "freezing"]
    assert (finding["file"], finding["line_number"]) == (path, 4)
    assert finding["line"] == 'trainable = "all"'
    text = "\n".join(lines(diagnosis))
    assert f"error  freezing: trainable ({path}, line 4)" in text
    # What a base says is found in the base.
    (schedule,) = [f for f in found if f["kind"] == "schedule"]
    assert schedule["file"] == str(sound)
    assert schedule["line"] == "T_max=3"


def test_settings_over_a_config_are_checked_and_the_config_is_left_as_it_is(config):
    path = config()
    findings = config_findings(path, ["train_cfg.max_epochs=5"])
    assert [f.kind for f in findings] == ["schedule"]
    cfg = load_config(path)
    before = copy.deepcopy(cfg._cfg_dict.to_dict())
    check_config(cfg)
    assert cfg._cfg_dict.to_dict() == before
