"""What a user sees of ``mmleaves compare``."""

import json

import numpy as np
import pytest
from MLstatkit import Delong_test
from tool_runs import check, run_python, run_tool

from mmleaves.commands.compare import main


def test_the_verdict_comes_first_then_the_tables_then_the_habit(experiment, capsys):
    main([str(experiment.folder)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    # Class names in brackets are no markup.
    assert lines[0].startswith(
        "probe is better than all: +30.0 points of accuracy (95 %"
    )
    text = "\n".join(lines)
    assert "class [b]malignant[/b] (20)" in text
    assert "class 良性 (20)" in text
    for heading in ("recipe", "balanced", "AUROC", "strict p", "Holm p", "flips"):
        assert heading in text
    habit = next(i for i, line in enumerate(lines) if "What the habit" in line)
    assert (
        "Chance that a single run, scored on 10 images, would have named all"
        in (lines[habit + 1])
    )
    assert any(line.startswith("Note: Fewer than 200 images") for line in lines)


def test_the_figures_go_into_a_file_or_to_the_output(experiment, tmp_path, capsys):
    path = tmp_path / "new" / "figures.json"
    main([str(experiment.folder), "--json", str(path), "--metric", "auroc"])
    assert f"Figures: {path}" in capsys.readouterr().out
    written = json.loads(path.read_text(encoding="utf-8"))
    (one,) = written["comparisons"]
    assert (one["verdict"]["kind"], one["measured"]["metric"]) == ("better", "auroc")
    # The scores of a repeat are of four models, which the test would pool.
    assert one["measured"]["p_delong"] is None
    main([str(experiment.folder), "--json", "-", "--metric", "auroc"])
    assert json.loads(capsys.readouterr().out) == written


def test_one_repeat_is_called_so(make_experiment, capsys):
    for kind, what in (("cv", "1 repeat, "), ("holdout", "1 seed; ")):
        experiment = make_experiment(kind=kind, repeats=1).write_all()
        main([str(experiment.folder)])
        assert f"images, {what}" in capsys.readouterr().out


def test_delongs_test_stands_beside_the_auroc_of_a_hold_out(make_experiment, capsys):
    experiment = make_experiment(kind="holdout", repeats=2).write_all()
    main([str(experiment.folder), "--json", "-", "--metric", "auroc"])
    (one,) = json.loads(capsys.readouterr().out)["comparisons"]
    positive = np.array(experiment.truth) == experiment.plan.positive
    theirs = [
        Delong_test(
            positive.astype(int),
            *(experiment.probs(name, repeat)[:, 0] for name in ("probe", "all")),
        )[1]
        for repeat in range(2)
    ]
    assert one["measured"]["p_delong"] == pytest.approx(theirs, rel=1e-4)
    main([str(experiment.folder), "--metric", "auroc"])
    assert "DeLong's p by run " in " ".join(capsys.readouterr().out.split())
    main([str(experiment.folder)])
    assert "DeLong" not in capsys.readouterr().out


def test_options_reach_the_comparison(experiment, capsys):
    folders = [str(experiment.folder / name) for name in ("all", "probe")]
    main([*folders, "--margin", "80", "--all-pairs", "--positive", "良性"])
    text = capsys.readouterr().out
    assert text.startswith("No difference that matters between all and probe: +30.0")
    assert "inside ±80." in text
    assert "Note: The plan's margin is 2 points; 80 was chosen after the runs." in text


def test_what_cannot_be_compared_ends_with_2_and_a_reason(tmp_path):
    (tmp_path / "a.csv").write_text("image,truth\nx,y\n")
    done = run_tool("compare", tmp_path / "a.csv", tmp_path / "a.csv")
    assert done.returncode == 2
    assert "a.csv: found the columns image, truth, expected image, truth, and prob" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def test_one_recipe_has_nothing_to_be_compared_with(experiment, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(experiment.folder / "probe")])
    assert end.value.code == 2
    assert "found 1 recipe to compare (probe)" in capsys.readouterr().err


def test_no_code_that_lies_in_an_experiment_is_run(experiment, tmp_path, capsys):
    call = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()\n"
    for folder in (experiment.folder, *experiment.folder.glob("**/")):
        for name in ("probe.py", "config.py", "__init__.py", "sitecustomize.py"):
            (folder / name).write_text(call)
    main([str(experiment.folder)])
    assert "probe is better than all" in capsys.readouterr().out
    assert not (tmp_path / "ran").exists()
    exec(call)  # the marker is one
    assert (tmp_path / "ran").exists()


def test_it_runs_without_torch(experiment):
    code = f"""
import sys
from mmleaves.cli import main
main(["compare", {str(experiment.folder)!r}])
heavy = {{"torch", "mmengine", "mmpretrain", "sklearn"}} & sys.modules.keys()
assert not heavy, heavy
"""
    assert "is better than" in check(run_python("-c", code)).stdout


def test_many_classes_leave_the_table_readable(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in "ab":
        rows = [f"{i},c{i % 20},c{rng.integers(20)}" for i in range(60)]
        (tmp_path / f"{name}.csv").write_text(
            "\n".join(["image,truth,prediction", *rows])
        )
    main([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    text = capsys.readouterr().out
    assert "class c1" not in text
    assert text.startswith("Undecided: ")
