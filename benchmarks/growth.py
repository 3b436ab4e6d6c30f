"""How a linear probe's time and memory grow with images, classes and classifiers.

python benchmarks/growth.py [--cifar10 DIR] [--out docs/growth.png] [--json FILE]

Each point is a whole process, start to end, of `linear-probe` with MobileNetV2 on
CIFAR-10's images at 64 px, 10 epochs, a validation each, with an empty cache; those of
several classifiers find the features in the cache. For more classes than ten, images
are dealt out to made-up ones.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from processes import run

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "benchmarks" / "growth_probe.py"
IMAGES = (1_000, 5_000, 20_000, 50_000)
CLASSES = (10, 100, 1_000)
HEADS = (1, 4, 16, 64, 256)
OF_CLASSES, OF_HEADS = 20_000, 20_000


def deal(images: list[Path], classes: int, folder: Path) -> Path:
    """Link images into folders of as many classes, one after the other."""
    for index, image in enumerate(images):
        place = folder / f"{index % classes:04}" / f"{index:05}{image.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(image)
    return folder


def probe(data: Path, folder: Path, *flags: str) -> tuple[float, float]:
    """Return the seconds and the most memory, in MB, of one run."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [
            *(sys.executable, ROOT / "tools" / "linear_probe.py", CONFIG),
            *("--work-dir", f"{work}/run", *flags),
            *("--cfg-options", f"dataset.data_root={data}"),
        ]
        caches = {"MMLEAVES_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": work}
        done = run(command, {**caches, "PYTHONPATH": str(ROOT)}, ROOT)
    print(f"{data.name} {' '.join(flags)}: {done.seconds:.1f} s", file=sys.stderr)
    return done.seconds, done.peak_mb


def measure(images: list[Path]) -> dict[str, list]:
    """Return, for each kind of growth, a list of (size, seconds, MB)."""
    found: dict[str, list] = {"images": [], "classes": [], "classifiers": []}
    one = ("--rates", "1e-3", "--views", "1")
    for kind, sizes in (("images", IMAGES), ("classes", CLASSES)):
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                count = size if kind == "images" else OF_CLASSES
                classes = size if kind == "classes" else 10
                data = deal(images[:count], classes, folder / f"{count}-{classes}")
                found[kind].append((size, *probe(data, folder, *one)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = deal(images[:OF_HEADS], 10, folder / f"{OF_HEADS}-10")
        probe(data, folder, *one)  # which leaves the features in the cache
        for size in HEADS:
            seeds = map(str, range(min(size, 16)))
            rates = [f"{1e-4 * 1.3**i:.3g}" for i in range(max(1, size // 16))]
            flags = ("--rates", *rates, "--seeds", *seeds, "--views", "1")
            found["classifiers"].append((size, *probe(data, folder, *flags)))
    return found


def draw(found: dict[str, list], out: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.5), layout="constrained")
    for column, (kind, points) in zip(axes.T, found.items(), strict=True):
        sizes, seconds, megabytes = zip(*points, strict=True)
        for ax, values, label in zip(
            column, (seconds, megabytes), ("seconds", "peak memory, MB"), strict=True
        ):
            ax.plot(sizes, values, "o-", color="C2")
            ax.set_xscale("log")
            ax.set_ylim(0, max(values) * 1.15)
            ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
            ax.minorticks_off()
            ax.grid(alpha=0.3)
            if ax in axes[:, 0]:
                ax.set_ylabel(label)
        column[1].set_xlabel(kind)
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cifar10", type=Path, default=ROOT / "data/cifar10/train")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/growth.png")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    if not args.cifar10.is_dir():
        parser.error(f"there is no {args.cifar10}; docs/your_own_data.md says where")
    by_class = [
        sorted(path.iterdir()) for path in sorted(args.cifar10.resolve().iterdir())
    ]
    # In turn, so that dealt to ten classes each gets its own.
    images = [path for row in zip(*by_class, strict=True) for path in row]
    found = measure(images)
    for kind, points in found.items():
        for size, seconds, megabytes in points:
            print(f"{size:>6,} {kind}: {seconds:6.1f} s, {megabytes:,.0f} MB")
    draw(found, args.out)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
