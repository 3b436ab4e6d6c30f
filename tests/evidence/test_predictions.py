import numpy as np
import pytest
from PIL import Image

from mmleaves.evidence.prediction_sheet import draw_sheet
from mmleaves.evidence.predictions import (
    Predictions,
    read_predictions,
    write_predictions,
)
from mmleaves.evidence.scores import accuracy, majority_baseline, read_labels, summary

# Names that a careless table, picture or formula would trip over.
NAMES = ["2. Salix, atro", 'say "leaf"', "银杏 $x$"]


@pytest.fixture
def predictions(tmp_path):
    images = [f"{i} é.png" for i in range(3)]
    for i, name in enumerate(images):
        Image.new("RGB", (40, 20 + 10 * i), (80 * i, 120, 40)).save(tmp_path / name)
    probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0, 1, 0]], np.float32)
    paths = [str(tmp_path / name) for name in images]
    return Predictions(images, paths, NAMES, probs)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_reads_back_as_it_was(predictions, tmp_path, suffix):
    path = str(tmp_path / "new" / f"table.{suffix}")
    write_predictions(predictions, path)
    read = read_predictions(path, images=str(tmp_path))
    assert (read.images, read.classes) == (predictions.images, NAMES)
    assert (read.paths, read.labels) == (predictions.paths, predictions.labels)
    np.testing.assert_array_equal(read.probs.astype(np.float32), predictions.probs)


def test_image_names_that_look_like_numbers_stay_text(tmp_path):
    numbers = Predictions(["001", "2"], ["001", "2"], ["1", "2"], np.eye(2))
    write_predictions(numbers, str(tmp_path / "t.csv"))
    read = read_predictions(str(tmp_path / "t.csv"))
    assert (read.images, read.labels) == (["001", "2"], ["1", "2"])


def test_a_table_of_another_kind_is_refused(predictions, tmp_path):
    with pytest.raises(ValueError, match=r"should end in \.csv or \.parquet"):
        write_predictions(predictions, str(tmp_path / "table.xlsx"))
    (tmp_path / "t.csv").write_text("image,label\na.jpg,acer\n")
    with pytest.raises(ValueError, match="found the columns image, label, expected"):
        read_predictions(str(tmp_path / "t.csv"))
    with pytest.raises(FileNotFoundError, match=r"no table of predictions .*u\.csv"):
        read_predictions(str(tmp_path / "u.csv"))


def test_accuracy_stands_next_to_the_majority_baseline(predictions):
    labels = [NAMES[0], NAMES[0], NAMES[1]]
    assert accuracy(predictions.labels, labels) == pytest.approx(100 * 2 / 3)
    assert majority_baseline(labels) == (NAMES[0], pytest.approx(100 * 2 / 3))
    assert summary(predictions, labels) == (
        "Accuracy on 3 images: 66.7 %. "
        "Always saying '2. Salix, atro' would give 66.7 %."
    )


def test_labels_are_found_by_image_and_a_missing_one_is_named(predictions, tmp_path):
    path = tmp_path / "labels.csv"
    rows = [
        f'{name},"{label}"'
        for name, label in zip(predictions.images, "abc", strict=True)
    ]
    path.write_text("\n".join(["image,label", *reversed(rows)]))
    assert read_labels(str(path), predictions) == ["a", "b", "c"]
    path.write_text("\n".join(["image,label", *rows[:2]]))
    with pytest.raises(ValueError, match=r"no label for 1 of the 3 .* 2 é\.png"):
        read_labels(str(path), predictions)


def test_a_sheet_is_drawn_with_and_without_labels(predictions, tmp_path):
    for labels in (None, [NAMES[0]] * 3):
        path = tmp_path / "sheet.png"
        draw_sheet(predictions, str(path), labels=labels)
        with Image.open(path) as sheet:
            assert min(sheet.size) > 200
            assert len(sheet.getcolors(10**6)) > 10
