from collections import Counter

import numpy as np
import torch
from torchvision.transforms.v2 import functional

from mmleaves.transforms import RandomQuarterTurn
from mmleaves.transforms.load_image import read_image


def test_each_turn_is_exactly_torchvisions_and_equally_likely(real_data):
    img = read_image(next((real_data / "leaf_uci_folders").glob("*/*.JPG")))[::16, ::16]
    tensor = torch.from_numpy(img.copy()).permute(2, 0, 1)
    turned = [functional.rotate(tensor, 90 * n, expand=True) for n in range(4)]
    expected = [t.permute(1, 2, 0).numpy().tobytes() for t in turned]

    np.random.seed(0)
    seen = Counter()
    for _ in range(2000):
        results = RandomQuarterTurn()({"img": img})
        assert results["img_shape"] == results["img"].shape[:2]
        assert results["img"].flags.c_contiguous
        seen[expected.index(results["img"].tobytes())] += 1

    # 500 each; 5 standard deviations are 97.
    assert set(seen) == {0, 1, 2, 3}
    assert all(abs(times - 500) < 97 for times in seen.values())


def test_height_and_width_change_places():
    np.random.seed(0)
    img = np.zeros((2, 5), np.uint8)
    shapes = {RandomQuarterTurn()({"img": img})["img_shape"] for _ in range(50)}
    assert shapes == {(2, 5), (5, 2)}
