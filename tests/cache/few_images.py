"""Eight images of noise, and features that can be worked out by hand: their means."""

import cv2
import numpy as np
from mmpretrain.datasets import BaseDataset
from torch.utils.data import DataLoader

from mmleaves.cache.feature_cache import FeatureCache
from mmleaves.cache.feature_cache_settings import FeatureCacheSettings
from mmleaves.cache.frozen_trunk import Features


class FewImages(BaseDataset):
    def __init__(self, folder, *steps):
        self._folder = folder
        load, pack = {"type": "LoadImageFromFile"}, {"type": "PackInputs"}
        super().__init__("", pipeline=[load, *steps, pack])

    def load_data_list(self):
        paths = sorted(self._folder.glob("*.png"))
        return [{"img_path": str(p), "gt_label": i} for i, p in enumerate(paths)]


def write_images(folder):
    folder.mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (9, 9, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), pixels)


def mean(images):
    return Features([images.float().mean((1, 2, 3))[:, None]], tuple(images.shape[1:]))


def loader(folder, *steps, batch_size=4, **settings):
    return DataLoader(FewImages(folder, *steps), batch_size, **settings)


def cache(kept, *, compute=mean, on_cpu=False, **settings):
    settings = FeatureCacheSettings(folder=str(kept), **settings)
    return FeatureCache(settings, compute, {}, on_cpu=on_cpu)
