"""Files and folders that are not what they seem."""

import os

import pytest

from mmleaves.datasets.image_files import list_folders, list_images


def test_two_links_to_each_others_folder_are_a_circle(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(tmp_path / other)
        (tmp_path / name / "x.jpg").touch()
    with pytest.raises(ValueError, match=r"a/link/link: found a link to a folder that"):
        list_images(str(tmp_path / "a"))


def test_two_links_to_one_folder_are_no_circle(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.jpg").touch()
    for name in ("a", "b"):
        (tmp_path / name).symlink_to("real")
    assert list_images(str(tmp_path)) == (["a/x.jpg", "b/x.jpg", "real/x.jpg"], 0)


def test_a_link_to_itself_is_a_file(tmp_path):
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert list_images(str(tmp_path)) == (["loop.jpg"], 0)
    assert list_folders(str(tmp_path)) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_must_not_be_read_is_named(tmp_path):
    (tmp_path / "secret").mkdir(mode=0)
    with pytest.raises(PermissionError, match=r"secret: found a folder that must not"):
        list_images(str(tmp_path))
