import numpy as np
import pytest

from mmleaves.evidence.gather import gather


def rows(n=40, wrong=4, repeats=("0",), folds=4, columns="probs", label="truth"):
    """Lines of a table: the first images are wrong; folds rotate with the repeat."""
    lines = []
    for r, repeat in enumerate(repeats):
        for i in range(n):
            truth = ("cat", "dog")[i % 2]
            said = ("cat", "dog")[(i % 2 + (i < wrong)) % 2]
            cat = (0.75 if said == "cat" else 0.25) + 0.001 * r
            what = f"{cat},{1 - cat}" if columns == "probs" else said
            fold = f",{repeat},{(i // 2 + r) % folds}" if folds else f",{repeat}"
            lines.append(f"{i:03}.png,{truth},{what}{fold}")
    what = "prob:cat,prob:dog" if columns == "probs" else "prediction"
    return [f"image,{label},{what},{'repeat,fold' if folds else 'run'}", *lines]


@pytest.fixture
def write(tmp_path):
    def write_table(name, lines):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write_table


@pytest.mark.parametrize("columns", ["probs", "prediction"])
@pytest.mark.parametrize("label", ["truth", "label"])
def test_tables_of_other_frameworks_are_lined_up(write, columns, label):
    options = {"columns": columns, "label": label, "repeats": ("0", "1")}
    a = rows(**options)
    b = rows(wrong=20, **options)
    # In another order.
    paths = [write("timm", a), write("fastai", [b[0], *reversed(b[1:])])]
    found = gather(paths)
    assert list(found.recipes) == ["timm", "fastai"]
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [0, 1] * 20
    assert found.folds.tolist() == [
        [(i // 2 + r) % 4 for i in range(40)] for r in range(2)
    ]
    report = found.compare()
    assert report.comparisons[0].measured.points == pytest.approx(40)
    assert "nobody checked" in report.notes[-1]
    assert ("auroc" in report.recipes[0].scores) == (columns == "probs")


def test_probabilities_and_predictions_are_compared_by_predictions(write):
    paths = [write("a", rows()), write("b", rows(wrong=20, columns="prediction"))]
    found = gather(paths)
    assert [v.shape for v in found.recipes.values()] == [(1, 40), (1, 40)]
    assert found.compare().comparisons[0].measured.points == pytest.approx(40)


def test_classes_in_another_order_are_put_in_order(write):
    swapped = [
        ",".join(np.array(line.split(","))[[0, 1, 3, 2, 4, 5]]) for line in rows()
    ]
    found = gather([write("a", rows()), write("b", swapped)])
    np.testing.assert_array_equal(found.recipes["a"], found.recipes["b"])


def test_runs_on_a_hold_out_need_the_number_of_training_images(write):
    options = {"folds": 0, "repeats": ("seed-0", "seed-1", "seed-10")}
    paths = [write("a", rows(**options)), write("b", rows(wrong=20, **options))]
    found = gather(paths, train_images=400)
    assert found.folds is None
    report = found.compare()
    assert (report.is_holdout, report.repeats) == (True, 3)
    with pytest.raises(ValueError, match=r"Give it as `train_images` \(--train-images"):
        gather(paths).compare()


def test_a_table_that_predict_wrote_goes_in_as_it_is(tmp_path):
    from mmleaves.evidence.predictions import Predictions, write_predictions

    names = [f"{i}.png" for i in range(20)]
    truth = ["cat", "dog"] * 10
    probs = np.random.default_rng(0).dirichlet((1, 1), (2, 20)).astype(np.float32)
    for path, one in zip("ab", probs, strict=True):
        said = Predictions(names, names, ["cat", "dog"], one, truth)
        write_predictions(said, str(tmp_path / f"{path}.parquet"))
    paths = [str(tmp_path / f"{path}.parquet") for path in "ab"]
    assert gather(paths).compare().comparisons[0].measured.test == "exact McNemar test"
    said = Predictions(names, names, ["cat", "dog"], probs[0])
    write_predictions(said, paths[0])
    with pytest.raises(ValueError, match="holds predictions, not the truth"):
        gather(paths)


@pytest.mark.parametrize("folds", [4, 0])
def test_a_recipe_that_is_always_right_may_call_the_truth_label(write, folds):
    options = {"label": "label", "repeats": ("0", "1"), "folds": folds}
    paths = [
        write("a", rows(wrong=0, **options)),
        write("b", rows(wrong=20, **options)),
    ]
    report = gather(paths, train_images=None if folds else 300).compare()
    assert report.recipes[0].scores["accuracy"] == 100
    assert report.comparisons[0].measured.points == pytest.approx(50)


def test_a_label_beside_a_prediction_is_the_truth(write):
    lines = [line.rpartition(",")[0] for line in rows(wrong=0, folds=0, label="label")]
    head, *rest = lines
    both = [f"{head},prediction", *(f"{line},{line.split(',')[1]}" for line in rest)]
    found = gather([write("a", both), write("b", rows(wrong=20, folds=0))])
    assert found.compare().recipes[0].scores["accuracy"] == 100
    # With neither it cannot be told from what `mmleaves predict` writes.
    with pytest.raises(ValueError, match="if these are the true classes, call the col"):
        gather([write("c", lines), write("d", lines)])


@pytest.mark.parametrize("mark", [";", "\t", ", "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_other_separators_a_mark_of_the_encoding_and_spaces_are_read(
    write, tmp_path, mark, encoding
):
    (tmp_path / "b.csv").write_text(
        "\n".join(line.replace(",", mark) for line in rows()), encoding=encoding
    )
    found = gather([write("a", rows()), str(tmp_path / "b.csv")])
    assert found.compare().comparisons[0].measured.points == 0
    # Names of digits alone stay names.
    assert found.classes == ("cat", "dog")


def test_names_of_digits_stay_names_after_spaces(write):
    lines = [line.replace(".png", "").replace(",", ", ") for line in rows()]
    found = gather(
        [write("a", [line.replace(" ", "") for line in lines]), write("b", lines)]
    )
    assert len(found.labels) == 40


def test_spaces_before_a_class_are_not_of_its_name(write):
    plain, spaced = rows(), rows()
    spaced[0] = spaced[0].replace("prob:cat", "prob: cat").replace("prob:", " prob:")
    found = gather([write("a", plain), write("b", spaced)])
    assert found.classes == ("cat", "dog")
    spaced[0] = spaced[0].replace("prob:dog", "prob:cat")
    with pytest.raises(ValueError, match="found the column 'prob:cat' twice"):
        gather([write("a", plain), write("b", spaced)])


def test_a_table_in_utf16_is_told_so(tmp_path, write):
    path = tmp_path / "b.csv"
    path.write_text("\n".join(rows()), encoding="utf-16")
    with pytest.raises(ValueError, match=r"b\.csv, line 1: found UTF-16 .* as UTF-8"):
        gather([write("a", rows()), str(path)])


def test_tables_may_lie_in_the_folder_of_an_experiment(experiment):
    paths = [experiment.folder / f"{name}.csv" for name in "ab"]
    for path in paths:
        path.write_text("\n".join(rows()), encoding="utf-8")
    assert list(gather(list(map(str, paths))).recipes) == ["a", "b"]


def test_folds_may_have_other_names(write):
    # From 1, as R counts.
    lines = [
        line if i == 0 else f"{line[:-1]}{int(line[-1]) + 1}"
        for i, line in enumerate(rows())
    ]
    found = gather([write("a", rows()), write("b", lines)])
    assert found.folds.tolist() == [[i // 2 % 4 for i in range(40)]]


def test_gaps_of_pandas_in_parquet_are_refused(tmp_path):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    table = pa.table(
        {
            "image": ["a", "b"],
            "truth": ["cat", "dog"],
            "run": [0.0, float("nan")],
            "prediction": ["cat", "dog"],
        }
    )
    write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"row 2 below .* nothing in the column 'run"):
        gather([str(tmp_path / "a.parquet")] * 2)


def test_a_run_that_misses_is_left_out_for_all(write):
    every = rows(repeats=("0", "1", "2"))
    part = [line for line in every if not line.endswith(",2,1")]
    found = gather([write("a", every), write("b", part)])
    assert found.recipes["a"].shape[0] == 2
    assert "compared are the repeats that all have: 0, 1." in found.notes[0]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            rows(n=39),
            r"unpaired: .*a\.csv has 40 images and .*b\.csv 39; 1 .* 039\.png",
        ),
        (
            [line.replace("005.png,dog", "005.png,cat") for line in rows()],
            r"relabelled: 1 images .* 005\.png: 'cat' and 'dog'",
        ),
        (rows(folds=5), "unpaired: the folds of repeat 0 differ"),
        (rows(folds=0), r"a\.csv has a column fold, and .*b\.csv has none"),
        (
            rows(repeats=("7",)),
            "no repeat in common .* same names in all tables, which have 0; 7",
        ),
        (rows()[:1], "found no rows"),
        ([*rows(), rows()[1]], r"000\.png stands 2 times in run '0', expected once"),
        (
            [*rows(), "000.png,dog,0.5,0.5,1,1"],
            r"relabelled, 000\.png has the label 'dog' in one row",
        ),
        ([rows()[0], "a.png,,0.5,0.5,0,0"], "row 1 below the header: found nothing in"),
        (
            [*rows()[:3], "a.png,cat,x,0.5,0,0"],
            r"b\.csv, row 3 below the header: found 'x' in the column 'prob:cat', exp",
        ),
        (
            [*rows()[:2], "a.png,cat,0.5,nan,0,0"],
            "row 2 below the header: found nothing in the column 'prob:dog'",
        ),
        (
            [*rows()[:2], "a.png,cat,1.5,-0.5,0,0"],
            "row 2 below the header: found the probability -0.5, .* through a softmax",
        ),
        (
            [*rows()[:2], "a.png,cat,60,40,0,0"],
            r"row 2 below .* sum to 100\.000, expected 1\. .* percents are divided",
        ),
        (
            [rows()[0].replace(",", ";"), "a.png;cat;0,5;0,5;0;0"],
            "found '0,5' in the column 'prob:cat', expected a number, such as 0.25",
        ),
        (
            [line.replace("cat", "0").replace("dog", "1") for line in rows()],
            r"such as 000\.png: '0' and 'cat'\. Write the classes alike in all tables",
        ),
        (
            [f"x/{line}" if i else line for i, line in enumerate(rows())],
            r"80 are in one of them only, such as 000\.png and x/000\.png",
        ),
        (
            [f"{rows()[0]},prediction", *(f"{line},cat" for line in rows()[1:])],
            "row 1 below .* found 'cat' in the column 'prediction', and 'dog' is",
        ),
        ([rows()[0], "a.png,cow,0.5,0.5,0,0"], "found the label 'cow' in the column"),
        ([rows()[0], "a.png,cat"], "found what is no such table"),
        (["image,prob:cat,prob:dog", "a,1,0"], "found the columns image, prob:cat, pr"),
        (["image,truth,run,fold,prediction", "a,b,c,d,e"], "columns run and fold, ex"),
        (["image,truth,truth,prediction", "a,b,c,d"], "found the column 'truth' twice"),
        (
            [line.replace("prob:dog", "prob:cow") for line in rows()[:1]]
            + ["a.png,cat,0.5,0.5,0,0"],
            "unpaired",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(write, lines, text):
    with pytest.raises(ValueError, match=text):
        gather([write("a", rows()), write("b", lines)])


def test_folds_given_as_runs_are_refused_with_advice(write):
    lines = [line.rpartition(",")[0] for line in rows()]
    table = [f"{lines[0].removesuffix(',repeat')},run"]
    for i, line in enumerate(lines[1:]):
        table.append(f"{line.rpartition(',')[0]},{i % 4}")
    path = write("a", table)
    with pytest.raises(ValueError, match="If these are folds, give the columns repeat"):
        gather([path, write("b", table)])


def test_other_things_are_refused_by_name(write, tmp_path, experiment):
    path = write("a", rows())
    with pytest.raises(ValueError, match="found neither the folder of an experiment"):
        gather([str(tmp_path), path])
    with pytest.raises(FileNotFoundError, match=r"no table of predictions .*none\.csv"):
        gather([path, str(tmp_path / "none.csv")])
    with pytest.raises(ValueError, match="Expected all of one kind"):
        gather([str(experiment.folder), path])
    with pytest.raises(ValueError, match=r"a\.csv twice, expected a table for each"):
        gather([path, path])
    other = write("b", rows())
    with pytest.raises(ValueError, match=r"found .*b\.csv twice, expected a table"):
        gather([path, other, other])
    with pytest.raises(ValueError, match="--train-images is for tables"):
        gather([str(experiment.folder)], train_images=9)
