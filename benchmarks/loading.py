"""How many images a core loads and augments a second, from the second epoch on.

python benchmarks/loading.py --images DIR [--pairs 5] [--epochs 4]

DIR has a folder of images for each class. Stock MMPretrain and mmleaves, with its
cache of decoded images, take turns, each in a process of its own with one thread. Both
crop at random (RandomResizedCrop to 224 px), flip, and make tensors. What is counted is
processor time, so that other work on the machine changes little.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

CROP, FLIP, PACK = (
    dict(type="RandomResizedCrop", scale=224),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
)


def measure(images: str, cache: str | None, epochs: int) -> list[float]:
    """Return images/s of each epoch, with MMPretrain's loading if ``cache`` is None."""
    import cv2
    import numpy as np
    import torch
    from mmengine.registry import init_default_scope

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    init_default_scope("mmpretrain")
    import mmpretrain.datasets  # noqa: F401 - registers them
    from mmpretrain.registry import DATASETS

    load = dict(type="LoadImageFromFile")
    dataset = dict(type="CustomDataset", data_root=images)
    if cache is None:
        dataset["pipeline"] = [load, CROP, FLIP, PACK]
    else:
        import mmleaves.runner  # noqa: F401 - registers what is ours
        from mmleaves.cache.image_cache_settings import ImageCacheSettings
        from mmleaves.cache.keep_decoded import keep_decoded
        from mmleaves.kept_memory import keep_freed_memory

        keep_freed_memory()  # as each run does
        dataset["pipeline"] = [dict(type="mmleaves.LoadImage"), CROP, FLIP, PACK]
        keep_decoded([dict(dataset=dataset)], ImageCacheSettings(folder=cache))
    built = DATASETS.build(dataset)
    draw = np.random.default_rng(0)
    speeds = []
    for _ in range(epochs):
        order = draw.permutation(len(built))
        begin = time.process_time()
        for index in order:
            built[int(index)]
        speeds.append(len(built) / (time.process_time() - begin))
    return speeds


def in_process(*args: object) -> list[float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    found = {"stock mmpretrain": [], "mmleaves": []}
    for pair in range(args.pairs):
        for name in sorted(found, reverse=bool(pair % 2)):
            with tempfile.TemporaryDirectory() as folder:
                cache = None if name == "stock mmpretrain" else folder
                speeds = in_process(str(args.images.resolve()), cache, args.epochs)
            found[name].append(statistics.median(speeds[1:]))
    for name, speeds in found.items():
        print(
            f"{name:16} {statistics.median(speeds):6.0f} images/s a core "
            f"({min(speeds):.0f} to {max(speeds):.0f})"
        )
    stock, ours = (statistics.median(speeds) for speeds in found.values())
    print(f"ratio {ours / stock:.2f}")


if __name__ == "__main__":
    main()
