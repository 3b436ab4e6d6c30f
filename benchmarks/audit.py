"""How many planted copies the audit finds, how long it takes, and how that grows.

python benchmarks/audit.py data/101_ObjectCategories data/leaves/images [--copies 200]
python benchmarks/audit.py --growth data/cifar10

A copy of each kind is made of randomly chosen images and put into a second part beside
the originals, under another file name; a relabelled copy goes into another class of the
first. Found is a copy that the audit pairs with its original. What it says of the
images without any copies planted is counted too, for a look: --sheet writes those pairs
as pictures.
"""

import argparse
import collections
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.facts_cache import FactsCache
from mmleaves.audit.parts import Part
from mmleaves.datasets.image_files import list_images
from mmleaves.transforms.load_image import read_image


def cropped(img, share, rng):
    """Return a random piece with ``share`` of the height and of the width."""
    height, width = (round(side * share) for side in img.shape[:2])
    top = rng.randint(0, img.shape[0] - height)
    left = rng.randint(0, img.shape[1] - width)
    return img[top : top + height, left : left + width]


def resized(img, factor):
    return cv2.resize(img, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


# What is done to the pixels, and the JPEG quality that the copy is stored with.
KINDS = {
    "re-encoded, quality 60": (lambda img, rng: img, 60),
    "resized 0.7x": (lambda img, rng: resized(img, 0.7), 90),
    "flipped left to right": (lambda img, rng: img[:, ::-1], 90),
    "flipped upside down": (lambda img, rng: img[::-1], 90),
    "turned by 90 degrees": (lambda img, rng: np.rot90(img), 90),
    "cropped by 5 %": (lambda img, rng: cropped(img, 0.95, rng), 90),
    "cropped by 10 %": (lambda img, rng: cropped(img, 0.9, rng), 90),
    "cropped by 5 % and re-encoded, 60": (lambda img, rng: cropped(img, 0.95, rng), 60),
    "squashed to 224x224": (lambda img, rng: cv2.resize(img, (224, 224)), 90),
}
RELABELLED = "relabelled, quality 60"


def labels_of(folder, paths):
    """Return each image's folder as its label, or None if all lie in one."""
    labels = [path.rpartition("/")[0] for path in paths]
    return (
        labels
        if len(set(labels)) > 1
        else [f"class {i % 5}" for i in range(len(paths))]
    )


def plant(folder, out, copies, seed):
    """Write the copies; return the parts and the original of each copy by its path."""
    paths, _ = list_images(folder)
    labels = labels_of(folder, paths)
    train = Part("train", [f"{folder}/{path}" for path in paths], list(labels))
    test = Part("test", [], [])
    rng = random.Random(seed)
    original, kind_of = {}, {}
    for kind, (change, quality) in (KINDS | {RELABELLED: (lambda i, r: i, 60)}).items():
        chosen = rng.sample(range(len(paths)), min(copies, len(paths)))
        for number, index in enumerate(chosen):
            img = np.ascontiguousarray(change(read_image(train.paths[index]), rng))
            name = f"{out}/{len(original):06}_{number}.jpg"
            cv2.imwrite(name, img, [cv2.IMWRITE_JPEG_QUALITY, quality])
            original[name], kind_of[name] = train.paths[index], kind
            part, label = test, labels[index]
            if kind == RELABELLED:
                label = rng.choice([other for other in set(labels) if other != label])
                part = train
            part.paths.append(name)
            part.labels.append(label)
    return [train, test], original, kind_of


def recall(folder, copies, seed, report=print):
    """Print for each kind of copy how many were found, and how long it took."""
    with tempfile.TemporaryDirectory() as out:
        parts, original, kind_of = plant(folder, out, copies, seed)
        n_images = sum(len(part.paths) for part in parts)
        start = time.perf_counter()
        found = audit_parts(parts)
        taken_s = time.perf_counter() - start
    paired = collections.defaultdict(set)
    conflicting = set()
    for finding in found.findings:
        for pair in finding.pairs:
            paths = pair.first.path, pair.second.path
            paired[paths[0]].add(paths[1])
            paired[paths[1]].add(paths[0])
            if finding.kind == "label-conflict":
                conflicting.update((paths, paths[::-1]))
    report(f"\n{folder}: {n_images} images with the copies, {taken_s:.0f} s")
    report("| copy | found | of |\n|---|---|---|")
    for kind in [*KINDS, RELABELLED]:
        names = [name for name, its_kind in kind_of.items() if its_kind == kind]
        hits = sum(
            original[name] in paired[name]
            if kind != RELABELLED
            else (name, original[name]) in conflicting
            for name in names
        )
        report(f"| {kind} | {hits / len(names):.1%} | {len(names)} |")


def unplanted(folder, sheet, limit=None):
    """Print what is found in the images as they are, and how long it takes."""
    paths, _ = list_images(folder)
    labels = labels_of(folder, paths)
    if limit:
        chosen = sorted(random.Random(0).sample(range(len(paths)), limit))
        paths, labels = [paths[i] for i in chosen], [labels[i] for i in chosen]
    part = Part("all", [f"{folder}/{path}" for path in paths], labels)
    with tempfile.TemporaryDirectory() as cache:
        times = []
        for _ in range(2):
            start = time.perf_counter()
            found = audit_parts([part], cache=FactsCache(Path(cache)))
            times.append(time.perf_counter() - start)
        size_mb = sum(p.stat().st_size for p in Path(cache).iterdir()) / 1e6
    pairs = [
        pair
        for finding in found.findings
        if finding.kind in ("duplicate", "label-conflict")
        for pair in finding.pairs
    ]
    print(
        f"| {folder} | {len(paths):,} | {times[0]:.0f} | {times[1]:.1f} | "
        f"{size_mb:.0f} | {len(pairs):,} |",
        flush=True,
    )
    if sheet:
        draw_pairs(pairs, sheet)


def draw_pairs(pairs, path, count=120, side_px=110, columns=6):
    """Write a PNG of pairs side by side, chosen at random."""
    chosen = random.Random(0).sample(list(pairs), min(count, len(pairs)))
    cells = []
    for pair in chosen:
        cell = np.full((side_px, 2 * side_px + 8, 3), 40, np.uint8)
        for left, item in ((0, pair.first), (side_px + 2, pair.second)):
            img = read_image(item.path)
            factor = side_px / max(img.shape[:2])
            size = [max(1, int(side * factor)) for side in img.shape[1::-1]]
            img = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
            cell[: img.shape[0], left : left + img.shape[1]] = img
        cells.append(np.pad(cell, ((2, 2), (2, 2), (0, 0)), constant_values=255))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    cv2.imwrite(path, np.vstack(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folders", nargs="*", help="folders of images to plant copies in"
    )
    parser.add_argument("--copies", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--growth", metavar="FOLDER", help="measure 1,250 images to all"
    )
    parser.add_argument(
        "--unplanted", metavar="FOLDER", help="count and draw its pairs"
    )
    parser.add_argument("--sheet", metavar="PNG", help="with --unplanted: its pairs")
    args = parser.parse_args()
    print(f"{multiprocessing.cpu_count()} cores")
    for folder in args.folders:
        recall(folder, args.copies, args.seed)
    if args.unplanted or args.growth:
        print("\n| images | number | s | s again | cache, MB | pairs |")
        print("|---|---|---|---|---|---|")
    if args.unplanted:
        unplanted(args.unplanted, args.sheet)
    if args.growth:
        total = len(list_images(args.growth)[0])
        sizes = [n for n in (1250, 2500, 5000, 10_000, 20_000, 50_000) if n < total]
        for size in [*sizes, None]:
            unplanted(args.growth, None, size)


if __name__ == "__main__":
    main()
