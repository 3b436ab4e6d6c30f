import copy
import pickle

import cv2
import numpy as np
import pytest

from mmleaves.transforms import CLAHE
from mmleaves.transforms.load_image import read_image


@pytest.fixture
def ultrasound(real_data):
    return read_image(sorted((real_data / "busi/test/malignant").iterdir())[0])


def equalised_by_hand(tile, clip_limit):
    """Equalise one tile of one image: CLAHE where there is nothing to interpolate."""
    counts = np.bincount(tile.ravel(), minlength=256)
    limit = max(int(clip_limit * tile.size / 256), 1)
    excess = int(np.maximum(counts - limit, 0).sum())
    counts = np.minimum(counts, limit) + excess // 256
    left_over = excess % 256
    if left_over:
        step = max(256 // left_over, 1)
        counts[: step * left_over : step] += 1
    return (
        np.rint(counts.cumsum() * 255 / tile.size).clip(0, 255).astype(np.uint8)[tile]
    )


@pytest.mark.parametrize("clip_limit", [1.5, 4.0])
def test_one_tile_is_equalised_as_by_hand(ultrasound, clip_limit):
    grey = np.ascontiguousarray(ultrasound[..., 0])
    ours = CLAHE(clip_limit=clip_limit, tiles=(1, 1))({"img": grey})["img"]
    expected = equalised_by_hand(grey, clip_limit)
    assert np.abs(ours.astype(int) - expected).max() <= 1


def test_colour_is_changed_in_its_lightness_alone(real_data):
    img = read_image(real_data / "leaves/images/0.jpg")
    lab = cv2.cvtColor(img, cv2.COLOR_BGR2LAB)
    light = CLAHE(clip_limit=3.0, tiles=(4, 2))({"img": lab[..., 0].copy()})["img"]
    expected = cv2.cvtColor(np.dstack([light, lab[..., 1:]]), cv2.COLOR_LAB2BGR)
    ours = CLAHE(clip_limit=3.0, tiles=(4, 2))({"img": img})["img"]
    assert (ours == expected).all()
    assert (ours != img).any()


def test_tiles_are_counted_down_and_across(ultrasound):
    grey = np.ascontiguousarray(ultrasound[..., 0])
    ours = CLAHE(tiles=(8, 2))({"img": grey})["img"]
    transposed = CLAHE(tiles=(2, 8))({"img": np.ascontiguousarray(grey.T)})["img"]
    assert (ours == transposed.T).all()
    assert (ours != CLAHE(tiles=(2, 8))({"img": grey})["img"]).any()


def test_local_contrast_rises_and_grey_stays_grey(ultrasound):
    ours = CLAHE()({"img": ultrasound})["img"]
    before, after = (np.diff(i[..., 0].astype(int)) for i in (ultrasound, ours))
    assert np.abs(after).mean() > 1.1 * np.abs(before).mean()
    # The way to Lab and back costs a grey pixel one level at most.
    assert np.ptp(ours.astype(int), axis=-1).max() <= 1


def test_it_can_be_copied_to_a_worker(ultrasound):
    clahe = CLAHE(clip_limit=3.0)
    expected = clahe({"img": ultrasound})["img"]
    for copied in (copy.deepcopy(clahe), pickle.loads(pickle.dumps(clahe))):
        assert (copied({"img": ultrasound})["img"] == expected).all()


@pytest.mark.parametrize("options", [{"clip_limit": 0}, {"tiles": (0, 8)}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=r"expected both above 0\. Usual values are"):
        CLAHE(**options)
