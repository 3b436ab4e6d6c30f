"""Tables and arrays that say another thing than they seem to."""

from pathlib import Path

import numpy as np
import pytest

from mmleaves.evidence.compare import compare, compare_all
from mmleaves.evidence.gather import gather
from mmleaves.evidence.outcomes import wrong_probs
from mmleaves.evidence.run_files import read_record, read_run

N = 40
LABELS = np.arange(N) % 2
# Two images of each class in each of ten, one repeat.
FOLDS = (np.arange(N) // 4)[None]


@pytest.fixture
def write(tmp_path):
    def write_table(name, header, rows):
        """Rows without the image, which is called by its number."""
        lines = [
            f"image,{header}",
            *(f"{i:03}.png,{row}" for i, row in enumerate(rows)),
        ]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write_table


def with_ties(columns, ties=8, said=None):
    """Rows of truth and probabilities: right, but for ties in the first images.

    Args:
        columns: The classes in the order of the columns.
        ties: How many images are ties.
        said: The class that is named in all ties, or None for no predictions.
    """
    rows = []
    for i in range(N):
        truth = ("neg", "pos")[i % 2]
        probs = ["0.5" if i < ties else str(int(c == truth)) for c in columns]
        named = [] if said is None else [said if i < ties else truth]
        rows.append(",".join([truth, *probs, *named]))
    return rows


def header(columns, *more):
    return ",".join(["truth", *(f"prob:{c}" for c in columns), *more])


def test_ties_are_counted_alike_in_whatever_order_the_columns_are(write):
    one, other = ("neg", "pos"), ("pos", "neg")
    a = write("a", header(one), with_ties(one))
    b = write("b", header(other), with_ties(other, ties=10))
    for paths in ((a, b), (b, a)):
        found = gather(paths)
        report = found.compare()
        scores = {r.name: r.scores["accuracy"] for r in report.recipes}
        # Ties count for neg: every second one is wrong.
        assert scores == {"a": pytest.approx(90), "b": pytest.approx(87.5)}
        notes = [
            "20 % of a's predictions are ties between classes; they count for the "
            "first by name.",
            "25 % of b's predictions are ties between classes; they count for the "
            "first by name.",
        ]
        for note in notes:
            assert list(report.notes).count(note) == 1
            assert note in found.notes


def test_ties_count_alike_beside_a_table_without_probabilities(write):
    columns = ("pos", "neg")
    a = write("a", header(columns), with_ties(columns))
    rows = [("neg", "pos")[i % 2] for i in range(N)]
    b = write("b", "truth,prediction", [f"{row},{row}" for row in rows])
    report = gather([a, b]).compare()
    assert report.recipes[0].scores["accuracy"] == pytest.approx(90)
    assert any(note.startswith("20 % of a's predictions") for note in report.notes)


@pytest.mark.parametrize("columns", [("neg", "pos"), ("pos", "neg")])
def test_of_ties_the_class_that_is_named_counts(write, columns):
    rows = with_ties(columns, ties=7, said="pos")
    a = write("a", header(columns, "prediction"), rows)
    b = write("b", header(columns), with_ties(columns, ties=0))
    found = gather([a, b])
    report = found.compare()
    # Images 0, 2, 4 and 6 are neg, and called pos.
    assert report.recipes[0].scores["accuracy"] == pytest.approx(90)
    assert not any("ties" in note for note in report.notes)
    # Probabilities are not touched: of 20 x 20 pairs, 4 x 3 are even and count half.
    assert report.recipes[0].scores["auroc"] == pytest.approx(98.5)


def test_the_page_counts_the_class_that_is_named(write):
    from mmleaves.report.scored import score

    columns = ("neg", "pos")
    rows = with_ties(columns, ties=7, said="pos")
    a = write("a", header(columns, "prediction"), rows)
    scored = score(gather([a]))
    assert scored.said["a"].accuracy == pytest.approx(0.9)


def test_ties_of_arrays_count_for_the_first_by_name():
    probs = np.full((N, 2), 0.5)
    sure = np.eye(2)[LABELS]
    for classes, right in ((("neg", "pos"), 50), (("pos", "neg"), 50)):
        report = compare_all(LABELS, {"A": probs, "B": sure}, classes=classes)
        assert report.recipes[0].scores["accuracy"] == right
        assert report.notes[-1].startswith("100 % of A's predictions are ties")
    # Of 30 neg images and 10 pos, in either order.
    few = (np.arange(N) < 10).astype(int)
    for labels, classes in ((few, ("neg", "pos")), (1 - few, ("pos", "neg"))):
        report = compare_all(
            labels, {"A": probs, "B": np.eye(2)[labels]}, classes=classes
        )
        assert report.recipes[0].scores["accuracy"] == 75


def test_right_and_wrong_of_any_type_are_no_names():
    rng = np.random.default_rng(0)
    right = [rng.random((3, N)) < share for share in (0.5, 0.9)]
    plain = compare(LABELS, *right, folds=np.repeat(FOLDS, 3, 0))
    as_objects = [one.astype(object) for one in right]
    found = compare(LABELS, *as_objects, folds=np.repeat(FOLDS, 3, 0))
    assert found.measured == plain.measured


def softmax(spread, classes, rows=200):
    logits = np.random.default_rng(0).normal(0, spread, (rows, classes))
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


@pytest.mark.parametrize(("classes", "digits"), [(20, 2), (400, 3)])
def test_rounded_probabilities_may_sum_to_a_little_else(classes, digits):
    probs = softmax(2, classes).round(digits)
    assert np.abs(probs.sum(-1) - 1).max() > 0.02
    assert wrong_probs(probs) is None
    assert wrong_probs(probs.astype(np.float32)) is None
    # With all digits such sums are no rounding.
    (_, text) = wrong_probs(probs + 1e-5)
    assert "Rounded ones need more digits." in text


def test_rounding_hides_no_logits_and_no_independent_sigmoids():
    logits = np.random.default_rng(0).normal(0, 3, (200, 20))
    for values in (logits, logits - logits.min(), 1 / (1 + np.exp(-logits))):
        assert wrong_probs(values.round(2)) is not None
    # Two classes leave no more room than without rounding.
    assert wrong_probs(np.array([[0.5, 0.53]])) is not None
    # However many the classes, a tenth is the most.
    assert wrong_probs(np.full((1, 500), 0.0)) is not None


def test_predicted_classes_beside_probabilities_have_their_shape():
    sure = np.eye(2)[LABELS]
    with pytest.raises(ValueError, match=r"A: found predicted .* = \(1, 40\)"):
        compare_all(LABELS, {"A": sure, "B": sure}, predicted={"A": LABELS[:9]})


def test_large_numbers_are_not_counted_up_to():
    odd = LABELS * 10**9
    with pytest.raises(ValueError, match="labels: found the class number 1000000000,"):
        compare(odd, odd, odd)
    with pytest.raises(ValueError, match=r"B: found .* below 100,000, .* as names"):
        compare(LABELS, LABELS, odd)
    assert compare(odd.astype(str), odd.astype(str), odd.astype(str))
    # Probabilities say how many classes there are.
    probs = np.eye(2)[LABELS]
    with pytest.raises(ValueError, match="labels: found the class 1000000000, expect"):
        compare(odd, probs, probs)


@pytest.mark.parametrize(
    ("labels", "said", "text"),
    [
        (
            LABELS + 1,
            LABELS,
            "A: labels are 1 to 2, predictions 0 to 1, .* number more",
        ),
        (
            LABELS,
            LABELS + 1,
            "A: labels are 0 to 1, predictions 1 to 2, .* number less",
        ),
    ],
)
def test_numbers_from_0_and_from_1_are_not_compared(write, labels, said, text):
    said = said.copy()
    said[:4] = said[1:5]
    with pytest.raises(ValueError, match=text):
        compare(labels, said, labels)
    rows = [f"{label},{one}" for label, one in zip(labels, said, strict=True)]
    right = [f"{label},{label}" for label in labels]
    paths = [
        write("a", "truth,prediction", rows),
        write("b", "truth,prediction", right),
    ]
    with pytest.raises(ValueError, match=text.replace("A:", r"a\.csv:")):
        gather(paths)


def test_a_class_that_the_labels_lack_may_be_predicted():
    for labels in (LABELS, LABELS + 1):
        for missing in (labels.min() - 1, labels.max() + 1):
            if missing < 0:
                continue
            said = labels.copy()
            said[:5] = missing
            found = compare(labels, said, labels)
            assert found.measured.points == pytest.approx(-12.5)


@pytest.mark.parametrize(
    ("said", "folds"),
    [
        (said, folds)
        for folds in (np.tile(FOLDS, (3, 1)), None)
        for said in (
            np.tile(LABELS, (3, 1)) / 1,
            LABELS / 1,
            np.float64(1),
            np.full((3, 2, N), 0.5),
            np.full((1, 3, N, 2), 0.5),
        )
    ]
    # Without folds it may be of three classes.
    + [(np.tile(LABELS, (3, 1)).T / 1, np.tile(FOLDS, (3, 1)))],
)
def test_floats_of_another_shape_are_told_to_be_probabilities(said, folds):
    right = np.tile(LABELS, (3, 1))
    text = r"found an array of float64 .* \(repeats, images, classes\) of 40 images\. F"
    for pair in ((said, right), (right, said)):
        with pytest.raises(ValueError, match=text):
            compare(LABELS, *pair, folds=folds)


def test_predictions_with_their_axes_in_another_order_are_told_so():
    said = np.tile(LABELS, (3, 1))
    for one in (said.T, said.T.astype(bool), said.T.astype(str)):
        with pytest.raises(ValueError, match=r"A: .* \(40, 3\), .* transpose it"):
            compare(LABELS.astype(one.dtype), one, one, folds=np.tile(FOLDS, (3, 1)))
    with pytest.raises(ValueError, match=r"A: .* \(1, 3, 40\), .* \(repeats, images\)"):
        compare(LABELS, said[None], said[None])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 0])
def test_counts_that_are_none_are_refused(number):
    said = np.tile(LABELS, (2, 1))
    with pytest.raises(ValueError, match=f"train_images is {number}, expected 1 or"):
        compare(LABELS, said, said, train_images=number)
    with pytest.raises(ValueError, match=f"planned_repeats is {number}, expected 1"):
        compare(LABELS, said, said, train_images=9, planned_repeats=number)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("truth,prediction,Fold", "found the column 'Fold', expected 'fold'. Rename"),
        ("Truth,prediction,fold", "found the column 'Truth', expected 'truth'"),
        ("truth,PREDICTION,fold", "found the column 'PREDICTION', expected 'pred"),
        ("label,Prob:neg,fold", "found the column 'Prob:neg', expected 'prob:neg'"),
        ("truth,prediction,Run ", "found the column 'Run', expected 'run'"),
        (
            "truth,prediction,repeat",
            "found the column repeat and no column fold, .* `run` is",
        ),
    ],
)
def test_columns_that_would_play_no_part_are_refused(write, names, text):
    path = write("a", names, ["neg,neg,0"] * N)
    with pytest.raises(ValueError, match=rf"a\.csv: {text}"):
        gather([path])


def test_a_column_of_another_name_beside_ours_is_the_users_own(write):
    rows = [f"{label},{label},x" for label in ("neg", "pos") * (N // 2)]
    paths = [write(name, "truth,prediction,Truth", rows) for name in "ab"]
    assert gather(paths).compare().recipes[0].scores["accuracy"] == 100


def test_a_copied_run_is_found_under_other_numbers_of_its_folds():
    folds = np.stack([FOLDS[0], (FOLDS[0] + 1) % 10])
    probs = np.random.default_rng(0).dirichlet((1, 1), (2, 1, N)).repeat(2, axis=1)
    with pytest.raises(ValueError, match="repeats 0 and 1 are the same: same folds"):
        compare(LABELS, *probs, folds=folds)


def test_repeats_that_are_alike_are_told_for_each_recipe():
    folds = np.stack([FOLDS[0], (FOLDS[0] + 1) % 10, (FOLDS[0] + 7) % 10])
    a, b = np.tile(LABELS, (2, 3, 1))
    b[:, :9] = 1

    def told(recipes, folds=folds, **options):
        notes = compare_all(LABELS, recipes, folds=folds, **options).notes
        return [one.partition(", as copies")[0] for one in notes if "same of" in one]

    alike = "says the same of every image in"
    for pair in ((a, b), (a == LABELS, b == LABELS)):
        expected = [f"{name} {alike} 3 of 3 repeats" for name in "AB"]
        assert told(dict(zip("AB", pair, strict=True))) == expected
    expected = [f"{name} {alike} 3 of 3 runs" for name in "AB"]
    assert told({"A": a, "B": b}, None, train_images=99) == expected
    # One that was copied in one recipe alone, and one that was not.
    b[0, 0], b[1:, 1] = 0, 0
    a[1, 3], a[2, 4] = 0, 1
    assert told({"A": a, "B": b}) == [f"B {alike} 2 of 3 repeats"]
    # On other folds the same images may well be right.
    split = folds.copy()
    split[1] = np.random.default_rng(0).permutation(folds[1])
    always = np.tile(LABELS, (3, 1))
    always[1:, 5] = 0
    assert told({"A": always, "B": a}, split) == []


def test_probabilities_that_are_alike_are_told_whatever_the_folds():
    rng = np.random.default_rng(0)
    folds = np.stack([FOLDS[0], rng.permutation(FOLDS[0])])
    a, b = rng.dirichlet((1, 1), (2, 2, N))
    b[1] = b[0]
    notes = compare_all(LABELS, {"A": a, "B": b}, folds=folds).notes
    (note,) = [one for one in notes if "same of every image" in one]
    assert note.startswith("B says the same of every image in 2 of 2 repeats, as")


def damaged(path: Path) -> None:
    """Turn round bytes of the first column, behind the four that begin the file."""
    content = bytearray(path.read_bytes())
    content[30:90] = bytes(255 - byte for byte in content[30:90])
    path.write_bytes(content)


def test_a_damaged_parquet_table_is_named(tmp_path):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    names = [f"{i:03}.png" for i in range(N)]
    columns = {"image": names, "truth": ["a", "b"] * 20, "prediction": ["a"] * N}
    path = tmp_path / "a.parquet"
    write_table(pa.table(columns), path, use_dictionary=False)
    damaged(path)
    with pytest.raises(ValueError, match=r"a\.parquet: found what is no such table \("):
        gather([str(path)])
    # Text that is no UTF-8.
    raw = pa.array([b"\xff"] * N, pa.binary())
    odd = pa.Array.from_buffers(pa.string(), N, raw.buffers())
    write_table(pa.table(columns | {"truth": odd}), path)
    with pytest.raises(ValueError, match=r"a\.parquet: found what is no such table \("):
        gather([str(path)])


@pytest.mark.parametrize("name", ["predictions.parquet", "images.parquet"])
def test_a_damaged_file_of_a_run_is_named(experiment, name):
    folder = experiment.folder / "probe" / "repeat0-fold0"
    damaged(folder / name)
    with pytest.raises(ValueError, match=rf"{name}: found what is no parquet file \("):
        read_run(folder, read_record(folder))
