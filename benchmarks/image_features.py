"""Features of images by a config's frozen network, for `mmleaves calibrate --features`.

python benchmarks/image_features.py data/cifar10/train work_dirs/cifar10.npz --pixels 96

The network is MobileNetV2 with ImageNet's weights; the images lie in a folder a class.
What is written: `features`, (N, 1280), float32, and `labels`, (N,).
"""

import argparse
from pathlib import Path

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


def main() -> None:
    """Write the features of the folder on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="class folders with images")
    parser.add_argument("out", type=Path, help=".npz file to write")
    parser.add_argument("--pixels", type=int, default=96, help="side, for the network")
    args = parser.parse_args()

    import numpy as np
    import torch

    from mmleaves.config import load_config
    from mmleaves.runner import FineTuneRunner

    cfg = load_config(CONFIG, [f"dataset.data_root={args.folder}"])
    size = (args.pixels, args.pixels)
    cfg.test_dataloader.dataset.part = "all"
    cfg.test_dataloader.dataset.pipeline = [
        dict(type="mmleaves.LoadImage"),
        dict(type="Resize", scale=size, interpolation="bicubic"),
        dict(type="PackInputs"),
    ]
    cfg.test_dataloader.batch_size = 250
    cfg.work_dir = str(args.out.parent / f"{args.out.stem}_log")
    runner = FineTuneRunner.from_cfg(cfg)
    runner.model.init_weights()
    runner.model.eval()
    loader = runner.build_dataloader(runner.cfg.test_dataloader)
    features, labels = [], []
    with torch.inference_mode():
        for batch in loader:
            data = runner.model.data_preprocessor(batch)
            features.append(runner.model.extract_feat(data["inputs"])[-1].float())
            labels += [int(sample.gt_label) for sample in data["data_samples"]]
    table = torch.cat(features).numpy()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, features=table, labels=np.array(labels))
    print(f"{args.out}: {table.shape[0]} images, {table.shape[1]} features each.")


if __name__ == "__main__":
    main()
