import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from mmleaves.transforms import PadToSquare
from mmleaves.transforms.load_image import read_image


@pytest.mark.parametrize("bird", ["wide", "tall"])
def test_pixels_are_those_of_torchvision(real_data, bird):
    paths = sorted((real_data / "cub200_2010/images").rglob("*.jpg"))
    img = read_image(paths[0])  # 500 x 333, higher than wide
    img = img if bird == "tall" else np.ascontiguousarray(np.rot90(img))
    missing = abs(img.shape[0] - img.shape[1])
    before, after = missing // 2, missing - missing // 2
    edges = [0, before, 0, after] if bird == "wide" else [before, 0, after, 0]
    expected = functional.pad(
        torch.from_numpy(img).permute(2, 0, 1), edges, fill=[1, 2, 3]
    )

    results = PadToSquare(fill=(1, 2, 3))({"img": img})

    assert results["img_shape"] == (500, 500)
    assert (results["img"] == expected.permute(1, 2, 0).numpy()).all()


def test_the_odd_column_goes_to_the_right():
    img = PadToSquare(fill=7)({"img": np.zeros((4, 1), np.uint8)})["img"]
    assert img.tolist() == [[7, 0, 7, 7]] * 4


def test_one_fill_value_serves_all_channels():
    img = PadToSquare(fill=9)({"img": np.zeros((1, 2, 3), np.uint8)})["img"]
    assert img[0].tolist() == [[0, 0, 0]] * 2
    assert img[1].tolist() == [[9, 9, 9]] * 2


def test_a_square_stays_as_it_is(real_data):
    img = read_image(real_data / "leaves/images/0.jpg")
    assert (PadToSquare()({"img": img})["img"] == img).all()
