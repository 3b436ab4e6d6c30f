import numpy as np
import pytest

from mmleaves.evidence.predictions import Predictions
from mmleaves.evidence.submission import read_sample, write_submission


@pytest.fixture
def predictions():
    return Predictions(
        images=["images/7.jpg", "images/8.jpg"],
        paths=["/d/images/7.jpg", "/d/images/8.jpg"],
        classes=["acer", "robinia_pseudo-acacia"],
        probs=np.array([[0.2, 0.8], [0.9, 0.1]], np.float32),
    )


def test_a_submission_has_the_order_of_the_images(predictions, tmp_path):
    write_submission(predictions, str(tmp_path / "submission.csv"))
    assert (tmp_path / "submission.csv").read_bytes() == (
        b"image,label\nimages/7.jpg,robinia_pseudo-acacia\nimages/8.jpg,acer\n"
    )


def test_a_sample_with_crlf_and_other_order_is_met(predictions, tmp_path):
    sample = tmp_path / "sample_submission.csv"
    sample.write_bytes(b"image,label\r\nimages/8.jpg,acer\r\nimages/7.jpg,acer\r\n")
    write_submission(
        predictions, str(tmp_path / "s.csv"), sample=read_sample(str(sample))
    )
    assert (tmp_path / "s.csv").is_file()


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("image,label\nimages/7.jpg,a\n", r"1 are not asked for \(such as images/8"),
        (
            "image,label\nimages/7.jpg,a\nimages/8.jpg,a\nimages/9.jpg,a\n",
            r"asks for 3 images, the predictions have 2: 1 are missing \(such as im",
        ),
        (
            "id,label\nimages/7.jpg,a\n",
            r"line 1: found the columns 'id', 'label', expected",
        ),
    ],
)
def test_a_submission_that_misses_its_sample_is_not_written(
    predictions, tmp_path, rows, text
):
    (tmp_path / "sample.csv").write_text(rows)
    with pytest.raises(ValueError, match=text):
        sample = read_sample(str(tmp_path / "sample.csv"))
        write_submission(predictions, str(tmp_path / "s.csv"), sample=sample)
    assert not (tmp_path / "s.csv").exists()
