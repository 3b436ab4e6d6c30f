import os

import pytest

from mmleaves.datasets.overlap import check_overlap, image_keys


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"")
    return path


def test_a_file_is_the_same_however_it_is_named(image, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = [str(image), "a.jpg", str(tmp_path / "link" / "a.jpg"), "./x/../a.jpg"]
    assert len({key for name in names for key in image_keys([name])}) == 1


def test_other_files_are_others(tmp_path):
    paths = [str(tmp_path / f"{i}.jpg") for i in range(1000)]
    assert len(image_keys(paths)) == 1000
    assert all(0 <= key < 2**63 for key in image_keys(paths))


def test_names_that_are_no_text_have_a_key_too(tmp_path):
    assert len(image_keys([os.fsdecode(b"caf\xe9.jpg")])) == 1


def test_scoring_what_was_trained_on_is_refused_with_an_example(image):
    keys = image_keys([str(image)])
    check_overlap([1, 2], keys, "test")
    with pytest.raises(ValueError, match=r"1 of the 1 images in the test .*a\.jpg"):
        check_overlap(list(keys), keys, "test")
