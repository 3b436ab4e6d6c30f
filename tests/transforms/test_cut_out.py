import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from mmleaves.transforms import CutOut
from mmleaves.transforms.load_image import read_image


@pytest.mark.parametrize("seed", range(5))
def test_the_square_is_the_one_torchvision_erases(real_data, seed):
    img = read_image(real_data / "leaves/images/0.jpg")
    cut_out = CutOut(side_px=56, fill=(3, 5, 9))
    np.random.seed(seed)
    top, left = cut_out._corner(224, 224)
    np.random.seed(seed)
    ours = cut_out({"img": img})["img"]
    i, j = max(top, 0), max(left, 0)
    fill = torch.tensor([3, 5, 9], dtype=torch.uint8)[:, None, None]
    tensor = torch.from_numpy(img).permute(2, 0, 1)
    expected = functional.erase(tensor, i, j, top + 56 - i, left + 56 - j, fill)
    assert (ours == expected.permute(1, 2, 0).numpy()).all()


def test_the_four_edges_are_treated_alike():
    np.random.seed(0)
    covered = np.zeros((60, 60))
    for _ in range(10_000):
        covered += CutOut(side_px=21, fill=1)({"img": np.zeros((60, 60), int)})["img"]
    rows, columns = covered.mean(1) / covered.mean(), covered.mean(0) / covered.mean()
    # Of the 60 centres 11 cover the first row, 12 the second, 21 one in the middle.
    expected = np.minimum(np.arange(11, 71), 21)
    expected = np.minimum(expected, expected[::-1])
    np.testing.assert_allclose(rows, expected / expected.mean(), rtol=0.08)
    np.testing.assert_allclose(columns, expected / expected.mean(), rtol=0.08)


def test_the_image_that_came_in_is_not_changed():
    img = np.zeros((8, 8, 3), np.uint8)
    assert CutOut(side_px=4, fill=255)({"img": img})["img"].max() == 255
    assert img.max() == 0


def test_prob_is_the_share_of_images_with_a_square():
    np.random.seed(0)
    img = np.zeros((8, 8), np.uint8)
    cut_out = CutOut(side_px=4, fill=1, prob=0.25)
    share = np.mean([cut_out({"img": img})["img"].any() for _ in range(2000)])
    assert share == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side_px": 0}, "side_px is 0, expected 1 or more pixels"),
        ({"side_px": 56, "prob": 1.5}, "prob is 1.5, expected it between 0 and 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CutOut(**options)
