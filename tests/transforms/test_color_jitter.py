import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from mmleaves.transforms import ColorJitter
from mmleaves.transforms.color_jitter import adjust_hue
from mmleaves.transforms.load_image import read_image

REFERENCES = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}


@pytest.fixture
def bird(real_data):
    paths = sorted((real_data / "cub200_2010/images").rglob("*.jpg"))
    return read_image(paths[-1])[::3, ::3].copy()


def as_rgb_tensor(img):
    return torch.from_numpy(img[..., ::-1].copy()).permute(2, 0, 1)


def differences(img, tensor):
    reference = tensor.permute(1, 2, 0).numpy()[..., ::-1]
    return np.abs(img.astype(int) - reference)


@pytest.mark.parametrize("turns", [-0.5, -0.4, -0.1, 0.0, 0.1, 0.4, 0.5])
def test_hue_moves_as_in_torchvision_in_both_directions(bird, turns):
    apart = differences(
        adjust_hue(bird, turns), functional.adjust_hue(as_rgb_tensor(bird), turns)
    )
    assert apart.max() <= 10  # OpenCV has 256 hues
    assert apart.mean() < 1


def test_red_becomes_green_at_a_third_of_a_turn():
    red = np.array([[[0, 0, 255]]], np.uint8)  # BGR
    assert np.abs(adjust_hue(red, 1 / 3).astype(int) - [0, 255, 0]).max() <= 6
    assert np.abs(adjust_hue(red, -1 / 3).astype(int) - [255, 0, 0]).max() <= 6


@pytest.mark.parametrize("name", REFERENCES)
def test_each_change_is_torchvisions_with_the_same_factor(bird, name):
    # From the seed, the factor or shift that the transform draws after its order.
    jitter = ColorJitter(**{name: 0.4})
    for seed in range(6):
        np.random.seed(seed)
        [(drawn, amount)] = jitter._changes()
        assert drawn == name
        np.random.seed(seed)
        apart = differences(
            jitter({"img": bird})["img"], REFERENCES[name](as_rgb_tensor(bird), amount)
        )
        assert apart.max() <= 10  # OpenCV has 256 hues
        assert apart.mean() < 1


def test_all_changes_together_are_torchvisions_in_the_same_order(bird):
    jitter = ColorJitter(brightness=0.4, saturation=0.4, hue=0.4)
    for seed in range(6):
        np.random.seed(seed)
        expected = as_rgb_tensor(bird)
        for name, amount in jitter._changes():
            expected = REFERENCES[name](expected, amount)
        np.random.seed(seed)
        apart = differences(jitter({"img": bird})["img"], expected)
        assert apart.mean() < 1.5
        assert np.percentile(apart, 99) <= 5


def test_draws_fill_the_ranges_in_every_order():
    np.random.seed(0)
    jitter = ColorJitter(brightness=2.0, contrast=0.1, saturation=0.4, hue=0.3)
    draws = [jitter._changes() for _ in range(2000)]
    ranges = {
        "brightness": (0.0, 3.0),
        "contrast": (0.9, 1.1),
        "saturation": (0.6, 1.4),
        "hue": (-0.3, 0.3),
    }
    for name, (low, high) in ranges.items():
        amounts = [dict(draw)[name] for draw in draws]
        slack = 0.02 * (high - low)
        assert low <= min(amounts) < low + slack
        assert high - slack < max(amounts) <= high
    assert len({tuple(name for name, _ in draw) for draw in draws}) == 24


def test_without_strengths_the_image_stays_as_it_is(bird):
    assert (ColorJitter()({"img": bird})["img"] == bird).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"brightness": -0.1}, "brightness is -0.1, expected it between 0 and inf"),
        ({"hue": 0.6}, "hue is 0.6, expected it between 0 and 0.5"),
    ],
)
def test_impossible_strengths_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ColorJitter(**options)
