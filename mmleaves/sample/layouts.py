"""Write a sample of drawn leaves in the layout of a known data set."""

import csv
import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from mmleaves.sample.drawing import draw_leaf
from mmleaves.sample.settings import Settings
from mmleaves.sample.species import SPECIES

MARKER = ".mmleaves-sample.json"


def write_sample(out: Path, settings: Settings) -> bool:
    """Draw a sample into the folder ``out``, all of it or nothing.

    Each image has random numbers of its own, so one image stays the same whatever the
    number of images.

    Returns:
        False if ``out`` holds this very sample already; it is left as it is.

    Raises:
        FileExistsError: If ``out`` is a file, or holds anything else.
    """
    marker = json.dumps(asdict(settings), indent=2) + "\n"
    if out.exists() and _holds(out, marker):
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sample-") as scratch:
        folder = Path(scratch, "sample")
        folder.mkdir()
        _WRITERS[settings.layout](folder, settings)
        Path(folder, MARKER).write_text(marker)
        if out.exists():
            out.rmdir()
        folder.rename(out)
    return True


def _holds(out: Path, marker: str) -> bool:
    if not out.is_dir():
        raise FileExistsError(f"{out} is a file; expected a new or an empty folder.")
    found = sorted(path.name for path in out.iterdir())
    if not found:
        return False
    here = Path(out, MARKER)
    if not here.is_file():
        raise FileExistsError(
            f"{out} is not empty: it holds {', '.join(found[:3])}"
            f"{' ...' if len(found) > 3 else ''}; expected a new or an empty folder. "
            "Name another folder, or empty this one."
        )
    if here.read_text() != marker:
        try:
            earlier = json.loads(here.read_text())
        except ValueError:
            earlier = {}
        asked = json.loads(marker)
        found = ", ".join(f"{key} {earlier.get(key)}" for key in asked)
        wanted = ", ".join(f"{key} {value}" for key, value in asked.items())
        raise FileExistsError(
            f"{out} holds another sample: found {found}; asked for {wanted}. "
            "Name another folder, or delete this one."
        )
    return True


def _write_leaves(folder: Path, settings: Settings) -> None:
    """Number the images in mixed order, those to train on first, like Kaggle's."""
    of_class = settings.per_class
    first_test = of_class - round(of_class / 3)
    numbers = {"train": range(first_test), "test": range(first_test, of_class)}
    rng = np.random.default_rng(settings.seed)
    Path(folder, "images").mkdir()
    rows: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    count = 0
    for split, own in numbers.items():
        pairs = [(name, number) for name in SPECIES for number in own]
        for place in rng.permutation(len(pairs)):
            name, number = pairs[place]
            image = f"images/{count}.jpg"
            _draw(folder / image, settings, name, number)
            rows[split].append((image, name))
            count += 1
    some_label = next(iter(SPECIES))
    test_images = [image for image, _ in rows["test"]]
    header = ("image", "label")
    _write_csv(folder / "train.csv", [header, *rows["train"]])
    _write_csv(folder / "test.csv", [("image",), *((image,) for image in test_images)])
    _write_csv(folder / "test_labels.csv", [header, *rows["test"]])
    guesses = [(image, some_label) for image in test_images]
    _write_csv(folder / "sample_submission.csv", [header, *guesses])


def _write_caltech(folder: Path, settings: Settings) -> None:
    for name in SPECIES:
        Path(folder, name).mkdir()
        for number in range(settings.per_class):
            path = Path(folder, name, f"image_{number + 1:04}.jpg")
            _draw(path, settings, name, number)


def _write_benign_malignant(folder: Path, settings: Settings) -> None:
    """Take the species in turn, so both classes and splits hold equally many."""
    first_test = settings.per_class - round(settings.per_class * 3 / 13)
    names = list(SPECIES)
    for label in ("benign", "malignant"):
        for split in ("train", "test"):
            Path(folder, split, label).mkdir(parents=True)
        for number in range(settings.per_class):
            split = "train" if number < first_test else "test"
            path = Path(folder, split, label, f"{number + 1:04}.jpg")
            name = names[number % len(names)]
            _draw(path, settings, name, number, blotched=label == "malignant")


_WRITERS = {
    "leaves": _write_leaves,
    "caltech": _write_caltech,
    "benign_malignant": _write_benign_malignant,
}


def _draw(
    path: Path,
    settings: Settings,
    name: str,
    number: int,
    *,
    blotched: bool | None = None,
) -> None:
    stream = {None: 0, False: 1, True: 2}[blotched]
    key = [settings.seed, stream, list(SPECIES).index(name), number]
    rng = np.random.default_rng(key)
    image = draw_leaf(SPECIES[name], rng, settings.size_px, blotched=blotched)
    quality = int(rng.integers(85, 96))
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(encoded.tobytes())


def _write_csv(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
