"""What tells one image, or one data set, from another."""

import numpy as np
import pytest
from cache.boxed_images import Boxed, write_images
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmleaves.cache.data_identity import content_key, pipeline_text

CROP = {"type": "RandomResizedCrop", "scale": 8}


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path)
    return tmp_path


def test_an_image_is_known_by_its_bytes_and_by_what_a_transform_may_read(folder):
    info = Boxed(folder).get_data_info(0)
    same = {**info, "gt_label": 7, "sample_idx": 3}
    assert content_key(same) == content_key(info)
    assert content_key({**info, "left": 2}) != content_key(info)
    copy = folder / "copy.png"
    copy.write_bytes((folder / "0.png").read_bytes())
    assert content_key({**info, "img_path": str(copy)}) == content_key(info)
    other = {**info, "img_path": str(folder / "1.png")}
    assert content_key(other) != content_key(info)


@pytest.mark.parametrize(
    "named",
    [
        lambda mask: {"mask_path": str(mask)},
        lambda mask: {"mask_path": mask, "seg_map_path": None},
        lambda mask: {"mask_path": [str(mask), None]},
        lambda mask: {"mask_paths": (mask,), "number_path": 3},
    ],
)
def test_an_image_is_known_by_the_masks_that_its_data_set_names(folder, named):
    info = Boxed(folder).get_data_info(0) | named(folder / "1.png")
    before = content_key(info)
    assert content_key(info) == before
    (folder / "1.png").write_bytes(b"another mask")
    assert content_key(info) != before


def test_images_without_a_file_are_known_by_their_pixels():
    one, other = np.zeros((2, 9, 9, 3), np.uint8)
    other[5, 5] = 1
    keys = {content_key({"img": image, "gt_label": 0}) for image in (one, other)}
    assert len(keys) == 2


def test_data_sets_in_others_are_known_by_the_pipeline_that_they_share(folder):
    data = Boxed(folder, CROP)
    text = pipeline_text(data)
    assert pipeline_text(RepeatDataset(data, times=2)) == text
    assert pipeline_text(ConcatDataset([data, Boxed(folder, CROP)])) == text
    mixed = ConcatDataset([data, Boxed(folder, {**CROP, "scale": 9})])
    with pytest.raises(ValueError, match="ConcatDataset joins have different pipel"):
        pipeline_text(mixed)


class Mixing(Boxed):
    """Gives each image mixed with another."""

    def __init__(self, folder, *steps, gap=1):
        self.gap = gap
        super().__init__(folder, *steps)

    def prepare_data(self, idx):
        one, other = (super(Mixing, self).prepare_data(i) for i in (idx, 1 - idx))
        one["inputs"] = one["inputs"] // 2 + other["inputs"] // 2
        return one


class Named(Boxed):
    def __init__(self, folder):
        self.dataset, self.datasets = "cub", ["a", "b"]
        super().__init__(folder)


class OnlyEven(RepeatDataset):
    def __getitem__(self, idx):
        return super().__getitem__(2 * idx)


def test_data_sets_that_read_in_a_way_of_their_own_are_known_by_it(folder):
    plain, mixing = Boxed(folder), Mixing(folder)
    texts = {
        pipeline_text(data)
        for data in (
            plain,
            mixing,
            Mixing(folder, gap=2),
            RepeatDataset(Mixing(folder, gap=3), times=2),
            OnlyEven(plain, times=2),
        )
    }
    assert len(texts) == 5
    assert pipeline_text(Named(folder)) == pipeline_text(plain)
    assert pipeline_text(mixing) == pipeline_text(Mixing(folder))


def test_a_mask_is_looked_for_in_the_data_folder_and_in_what_is_said_of_it(folder):
    info = Boxed(folder).get_data_info(0) | {"ann": {"mask_path": "1.png"}}
    before = content_key(info, [str(folder)])
    assert content_key(info, [str(folder)]) == before != content_key(info)
    (folder / "1.png").write_bytes(b"another mask")
    assert content_key(info, [str(folder)]) != before
