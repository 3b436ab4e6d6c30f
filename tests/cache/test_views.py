"""Views of images: what is refused, and which transforms draw."""

import cv2
import numpy as np
import pytest
from cache.boxed_images import Boxed, write_images
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS

from mmleaves.cache.data_identity import content_key, view_key
from mmleaves.cache.views import Views, random_transforms


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path)
    return tmp_path


def test_a_file_that_changes_before_it_is_read_is_not_taken_for_what_it_was(folder):
    data = Boxed(folder)
    wanted = [(0, view_key(content_key(data.get_data_info(0)), 0))]
    views = Views(data, wanted, data[0]["inputs"].shape)
    assert views[0].shape == (3, 20, 20)
    cv2.imwrite(str(folder / "0.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(ValueError, match=r"0\.png changed while its features were"):
        views[0]


@TRANSFORMS.register_module("OwnResize")
class Resize(BaseTransform):
    """Bears the name of one that makes the same of an image each time."""

    def transform(self, results):
        results["img"] = results["img"] + np.random.default_rng().integers(2)
        return results


def test_a_transform_of_ones_own_may_draw_whatever_its_name(folder):
    assert random_transforms(Boxed(folder, {"type": "OwnResize"})) == ["Resize"]
    assert random_transforms(Boxed(folder, {"type": "Resize", "scale": 8})) == []


def test_an_image_of_another_size_is_refused_by_its_number(folder):
    data = Boxed(folder)
    wanted = [(i, view_key(content_key(data.get_data_info(i)), 0)) for i in range(2)]
    views = Views(data, wanted, data[0]["inputs"].shape)
    assert views[0].shape == (3, 20, 20)
    with pytest.raises(
        ValueError, match=r"image 1 is of shape \(3, 21, 20\), expected \(3, 20, 20\)"
    ):
        views[1]
