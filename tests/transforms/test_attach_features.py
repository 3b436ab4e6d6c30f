import pickle

import numpy as np
import pytest

from mmleaves.transforms import AttachFeatures

HEADER = "image,mean,sd\n"


@pytest.fixture
def write(tmp_path):
    """Write a table into a data folder, and return the folder."""

    def write_table(text, name="features.csv"):
        (tmp_path / "train/benign").mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(data)
        return tmp_path

    return write_table


def attach(folder, image="train/benign/1.png", **options):
    return AttachFeatures(**options)({"img_path": f"{folder}/{image}"})[
        "extra_features"
    ]


def test_an_image_gets_its_row_from_a_table_above_it(write):
    folder = write(HEADER + "train/benign/2.png,3,4\ntrain/benign/1.png,1.5,-2e-1\n")
    features = attach(folder)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, np.float32([1.5, -0.2]))
    assert attach(folder, "train/benign/2.png").tolist() == [3, 4]


def test_what_else_is_known_of_the_image_stays(write):
    folder = write(HEADER + "1.png,1,2\n")
    results = {"img_path": f"{folder}/1.png", "gt_label": 1}
    attached = AttachFeatures()(results)
    assert attached.keys() == {"img_path", "gt_label", "extra_features"}
    assert "extra_features" not in results


def test_the_nearest_table_counts_and_paths_start_from_it(write):
    write(HEADER + "train/benign/1.png,1,2\n")
    folder = write(HEADER + "benign/1.png,3,4\n", "train/features.csv")
    assert attach(folder).tolist() == [3, 4]


def test_a_path_is_found_however_it_is_written(write, monkeypatch):
    folder = write(HEADER + ".\\train\\benign\\1.png,1,2\n")
    assert attach(folder, "train/../train//benign/1.png").tolist() == [1, 2]
    monkeypatch.chdir(folder / "train")
    assert attach("benign", "1.png").tolist() == [1, 2]
    assert attach("..", "train/benign/1.png").tolist() == [1, 2]


def test_a_file_and_a_column_of_another_name_are_found(write):
    folder = write("sd,picture,mean\n2,train/benign/1.png,1\n", "numbers.csv")
    features = attach(folder, file="numbers.csv", image_column="picture")
    assert features.tolist() == [2, 1]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffimage,mean,sd\r\ntrain/benign/1.png,1,2\r\n",
        '  \n"image", mean ,sd\n\n"train/benign/1.png"," 1",2 \n',
    ],
    ids=["BOM and CRLF", "blank lines, quotes and spaces"],
)
def test_a_file_as_people_write_it_is_read_alike(write, text):
    assert attach(write(text)).tolist() == [1, 2]


def test_it_goes_to_worker_processes(write):
    folder = write(HEADER + "train/benign/1.png,1,2\n")
    transform = AttachFeatures()
    expected = transform({"img_path": f"{folder}/train/benign/1.png"})
    for one in (transform, pickle.loads(pickle.dumps(transform))):
        again = one({"img_path": f"{folder}/train/benign/1.png"})
        assert (again["extra_features"] == expected["extra_features"]).all()
    assert str(transform) == "AttachFeatures(file='features.csv', image_column='image')"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADER + "train/benign/2.png,1,2\n",
            r"features\.csv: found 1 rows and none for 'train/benign/1\.png', expected "
            r"one for every image\. Write it",
        ),
        (
            HEADER + "a.png,1,2\n\na.png,1,2\n",
            r"features\.csv, line 4: found 'a\.png' again, expected it once, as in "
            r"line 2\. Take out",
        ),
        (
            HEADER + "a.png,1,2\nb.png,1,n/a\n",
            r"features\.csv, line 3: found 'n/a' under 'sd', expected a finite number",
        ),
        (HEADER + "a.png,,2\n", r"line 2: found '' under 'mean', expected a finite"),
        (HEADER + "a.png,NaN,2\n", r"line 2: found 'NaN' under 'mean', expected a"),
        (HEADER + "a.png,-inf,2\n", r"line 2: found '-inf' under 'mean', expected a"),
        (HEADER + "a.png,1e39,2\n", r"line 2: found '1e39' under 'mean', expected a"),
        (HEADER + "a.png,1\n", r"line 2: found 2 fields, expected 3"),
        (HEADER + ",1,2\n", r"line 2: found no 'image', expected an image's path"),
        (HEADER + "../a.png,1,2\n", r"line 2: found '\.\./a\.png', which leaves"),
        (
            "picture,mean\na.png,1\n",
            r"line 1: found the columns 'picture', 'mean', expected 'image' among "
            r"them\. .* set `image_column`",
        ),
        (
            "image,sd,sd\na.png,1,1\n",
            r"line 1: found the column 'sd' 2 times, expected it once",
        ),
        (
            "image\na.png\n",
            r"line 1: found no column beside 'image', expected some features",
        ),
        ("image;mean\na.png;1\n", r"line 1: found fields separated by semicolons"),
        ("", r"line 1: found an empty file"),
    ],
)
def test_a_table_that_cannot_be_taken_is_refused_with_its_line(write, text, message):
    folder = write(text)
    with pytest.raises(ValueError, match=message):
        attach(folder)


def test_a_missing_table_is_named(tmp_path):
    message = r"1\.png: found no nowhere\.csv in its folder or above it, expected one"
    with pytest.raises(FileNotFoundError, match=message):
        attach(tmp_path, "1.png", file="nowhere.csv")
