"""Two images of noise, of two sizes, with a box in each."""

import cv2
import numpy as np
from mmpretrain.datasets import BaseDataset


class Boxed(BaseDataset):
    def __init__(self, folder, *steps):
        self._folder = folder
        load = {"type": "LoadImageFromFile"}
        super().__init__("", pipeline=[load, *steps, {"type": "PackInputs"}])

    def load_data_list(self):
        return [
            {"img_path": str(self._folder / f"{i}.png"), "gt_label": i, "left": i + 1}
            for i in range(2)
        ]


def write_images(folder):
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (20 + i, 20, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), pixels)
