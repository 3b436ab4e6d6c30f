"""The same plan on a local Ray cluster."""

import json

import pytest
from experiments.small_recipes import draw_scans, write_recipe

from mmleaves.commands.repeat import main
from mmleaves.evidence.gather import gather


@pytest.mark.slow  # a local cluster takes a minute to start
def test_ray_does_the_runs_of_a_plan(tmp_path, capsys, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install 'mmleaves[ray]'")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = draw_scans(tmp_path / "data")
    good = write_recipe(tmp_path / "good.py", data)
    other = write_recipe(tmp_path / "other.py", data, rate=1e-9)
    bad = write_recipe(tmp_path / "bad.py", data, channels=7)
    folder = tmp_path / "out"
    arguments = [str(path) for path in (good, other, bad)]
    options = ["--folds", "2", "--repeats", "1", "--out", str(folder), "--ray"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, *options])
    assert end.value.code == 1
    said = capsys.readouterr()
    assert "bad, repeat 0, fold 0: FAILED: Two layers do not fit" in said.out
    records = [json.loads(p.read_text()) for p in folder.glob("*/*/run.json")]
    assert (
        sorted(record["config"] for record in records) == ["good"] * 2 + ["other"] * 2
    )
    report = gather([str(folder / "good"), str(folder / "other")]).compare()
    assert (report.images, report.runs) == (36, 2)
