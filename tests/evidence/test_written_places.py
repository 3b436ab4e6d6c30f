"""What a command writes takes the place of nothing that it reads."""

import pytest

from mmleaves.commands.compare import main
from mmleaves.evidence.plan import read_plan


def test_figures_replace_no_part_of_an_experiment(experiment, capsys):
    folder = experiment.folder
    for name in ("plan.json", "probe/repeat0-fold0/run.json"):
        before = (folder / name).read_bytes()
        with pytest.raises(SystemExit) as end:
            main([str(folder), "--json", str(folder / name)])
        assert end.value.code == 2
        assert "the name of a file that is read" in capsys.readouterr().err
        assert (folder / name).read_bytes() == before
    with pytest.raises(SystemExit):
        configs = [str(folder / "probe"), str(folder / "all")]
        main([*configs, "--json", str(folder / "plan.json")])
    # Beside them there is room, and a second time as well.
    for _ in range(2):
        main([str(folder), "--json", str(folder / "verdict.json")])


def test_figures_replace_nothing_that_repeat_or_a_training_wrote(experiment, capsys):
    folder = experiment.folder
    names = ("images.csv", "probe/probe.py", "probe/repeat0-fold0/training/audit.json")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("of the experiment")
        for runs in ([str(folder)], [str(folder / "probe"), str(folder / "all")]):
            with pytest.raises(SystemExit) as end:
                main([*runs, "--json", str(folder / name)])
            assert end.value.code == 2
        assert (folder / name).read_text() == "of the experiment"
    said = capsys.readouterr().err
    assert "expected a name that ends in .json, or - to print the figures" in said
    main([str(folder), "--json", "/dev/stdout"])
    assert capsys.readouterr().out.startswith("{")


def test_figures_replace_no_table(tmp_path, capsys):
    table = tmp_path / "a.csv"
    table.write_text("image,truth,prediction,fold\n")
    with pytest.raises(SystemExit):
        main([str(table), str(tmp_path / "b.csv"), "--json", str(table)])
    assert "the name of a file that is read" in capsys.readouterr().err


def test_a_plan_that_was_changed_by_hand_is_told_as_that(experiment):
    folder = experiment.folder
    text = (folder / "plan.json").read_text(encoding="utf-8")
    for old, new in (
        ('"seeds": [', '"seeds": [{},'),
        ('"fold_of": {', '"fold_of": null, "x": {'),
        ('"classes": [', '"classes": [1,'),
    ):
        changed = text.replace(old, new, 1)
        assert changed != text
        (folder / "plan.json").write_text(changed, encoding="utf-8")
        with pytest.raises(ValueError, match=r"plan\.json: .*put it back|put it back"):
            read_plan(folder)


def test_a_plan_of_before_is_read(experiment, tmp_path):
    text = (experiment.folder / "plan.json").read_text(encoding="utf-8")
    lines = [
        line
        for line in text.splitlines()
        if '"precision"' not in line and '"earlier_repeats"' not in line
    ]
    assert len(lines) < len(text.splitlines())
    (tmp_path / "plan.json").write_text("\n".join(lines), encoding="utf-8")
    plan = read_plan(tmp_path)
    assert (plan.precision, plan.earlier_repeats) == (None, ())
