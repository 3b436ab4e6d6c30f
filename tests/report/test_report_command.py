"""What a user sees of ``mmleaves report``."""

import re
from html import unescape

import numpy as np
import pytest
from evidence.conftest import SmallExperiment
from report.tables import write_table
from tool_runs import check, run_python

from mmleaves.commands.report import main


def words(page):
    """Text of a page, without its elements."""
    text = re.sub("<[^>]*>", "", page.split("</style>")[1])
    return unescape(re.sub(r"\s+", " ", text))


def test_tables_of_a_hold_out_make_a_page(tmp_path, capsys):
    tables = [
        write_table(tmp_path / f"{name}.csv", seed=i) for i, name in enumerate("ab")
    ]
    out = tmp_path / "new" / "page.html"
    main([*tables, "--out", str(out), "--train-images", "300", "--roc", "c1", "c2"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"Page: {out}"
    page = out.read_text(encoding="utf-8")
    text = words(page)
    assert printed[0] in text
    assert "60 held-out images of 3 classes, 2 runs of each recipe" in text
    assert "c1 against the rest" in text and "c2 against the rest" in text
    assert "dealt into five parts" in text
    assert "No picture could be shown: no file of this name. They were looked" in text
    assert "Tables hold no curves of the training." in text
    assert "[How the images were split" in text
    assert page.count('class="plot"') == 4 + 2


def test_a_single_recipe_has_no_verdict_and_all_else(experiment, tmp_path, capsys):
    out = tmp_path / "page.html"
    main([str(experiment.folder / "probe"), "--out", str(out), "--images", "根"])
    text = words(out.read_text(encoding="utf-8"))
    assert "How good is probe?" in text and "Verdicts" not in text
    assert "The recipe probe was scored on 40 images" in text
    assert "looked for below “根”;" in text
    assert capsys.readouterr().out == f"Page: {out}\n"


def test_the_same_runs_give_the_same_bytes(experiment, tmp_path):
    pages = [tmp_path / name for name in ("1.html", "2.html")]
    for page in pages:
        main([str(experiment.folder), "--out", str(page)])
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_predictions_alone_leave_out_what_needs_probabilities(tmp_path):
    tables = [
        write_table(tmp_path / f"{name}.csv", seed=i, probs=False, repeats=1)
        for i, name in enumerate("ab")
    ]
    out = tmp_path / "page.html"
    main([*tables, "--out", str(out)])
    text = words(out.read_text(encoding="utf-8"))
    assert "Without probabilities there are no ROC curves." in text
    assert "With a single repeat nobody can tell which images flip" in text
    assert "McNemar's exact test" in text


def test_many_classes_are_drawn_and_not_counted_out(tmp_path):
    table = write_table(tmp_path / "a.csv", seed=0, classes=24, images=96, repeats=1)
    out = tmp_path / "page.html"
    main([table, "--out", str(out)])
    page = out.read_text(encoding="utf-8")
    assert 'class="heat"' in page and 'class="matrix' not in page
    assert "Most frequent mistakes" in page and "The ten classes" in page
    assert "ask for it by --roc CLASS" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--out", "page.pdf"],
            r"--out page\.pdf: expected a name that ends in \.html",
        ),
        (["--roc", "acer"], r"--roc acer: expected one of the classes, \[b\]"),
        (["--metric", "speed"], "there is no metric 'speed'"),
    ],
)
def test_what_is_none_is_refused(experiment, tmp_path, capsys, options, message):
    out = [] if "--out" in options else ["--out", str(tmp_path / "page.html")]
    with pytest.raises(SystemExit) as end:
        main([str(experiment.folder), *options, *out])
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "speed"], "there is no metric 'speed', expected one of"),
        (["--metric", "auroc"], "'auroc' cannot be computed .* there are 3, without"),
        (["--margin", "-3"], "margin is -3.0, expected points above 0 and below 100"),
    ],
)
def test_of_a_single_recipe_the_same_is_refused(tmp_path, capsys, options, message):
    table = write_table(tmp_path / "a.csv", seed=0, probs=False, repeats=1)
    out = tmp_path / "page.html"
    with pytest.raises(SystemExit) as end:
        main([table, *options, "--out", str(out)])
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()


def test_of_a_single_recipe_copies_and_ties_are_told(tmp_path):
    experiment = SmallExperiment(tmp_path / "experiment", kind="holdout")
    even = np.full((40, 2), 0.5)
    experiment.probs = lambda config, repeat: even
    experiment.write_all()
    out = tmp_path / "page.html"
    main([str(experiment.folder / "probe"), "--out", str(out)])
    text = words(out.read_text(encoding="utf-8"))
    assert "probe says the same of every image in 2 of 2 runs, as copies do" in text
    assert text.count("100 % of probe's predictions are ties between classes") == 1


def test_without_pictures_it_runs_without_torch(experiment, tmp_path):
    out = tmp_path / "page.html"
    code = f"""
import sys
from mmleaves.cli import main
main(["report", {str(experiment.folder)!r}, "--pictures", "0", "--out", {str(out)!r}])
heavy = {{"torch", "mmengine", "mmpretrain", "sklearn", "cv2"}} & sys.modules.keys()
assert not heavy, heavy
"""
    assert "is better than" in check(run_python("-c", code)).stdout
