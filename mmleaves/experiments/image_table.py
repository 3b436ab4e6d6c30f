"""The images of an experiment: where they lie, what they are, what belongs together."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cache
from pathlib import Path

from mmleaves.evidence.plan import content_hash
from mmleaves.names_as_text import as_text, from_text
from mmleaves.whole_files import write_whole

FILE = "images.csv"
POOL, TEST = "pool", "test"


@dataclass(frozen=True)
class PlannedImage:
    """One file of an experiment's data.

    Args:
        image: Its path, as the data set gives it.
        hash: Its content hash.
        label: Its class name.
        group: What it belongs to, such as a patient; empty for none.
        together: A number that it shares with its copies, near-copies and group.
        part: ``"pool"``, or ``"test"`` for the config's test part.
    """

    image: str
    hash: str
    label: str
    group: str
    together: int
    part: str


def two_labels(images: Sequence[PlannedImage]) -> frozenset[str]:
    """Return the hashes of pictures whose copies have different labels.

    Nobody can tell which is right, so they are neither trained on nor scored.
    """
    labels: dict[str, str] = {}
    return frozenset(
        one.hash
        for one in images
        if labels.setdefault(one.hash, one.label) != one.label
    )


def data_sha256(images: Sequence[PlannedImage]) -> str:
    """Return what stands for images, labels, groups and parts, wherever they lie."""
    lines = sorted(f"{i.hash}\t{i.label}\t{i.group}\t{i.part}\n" for i in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def changes(before: Sequence[PlannedImage], now: Sequence[PlannedImage]) -> str:
    """Return in words what `data_sha256` says differs between two lists of images."""
    said = []
    known, found = ({one.hash: one for one in images} for images in (before, now))
    gone = [one.image for key, one in known.items() if key not in found]
    new = [one.image for key, one in found.items() if key not in known]
    for names, what in ((gone, "missing or changed"), (new, "new or changed")):
        if names:
            said.append(f"{len(names)} {what}, such as {min(names)}")
    both = [(known[key], found[key]) for key in known.keys() & found.keys()]
    for what in ("label", "group", "part"):
        if odd := [b for a, b in both if getattr(a, what) != getattr(b, what)]:
            said.append(f"{len(odd)} with another {what}, such as {odd[0].image}")
    return "; ".join(said) or f"{len(now)} files in place of {len(before)}"


def write_images(images: Sequence[PlannedImage], experiment: Path) -> None:
    """Write ``images.csv`` into the experiment's folder."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(PlannedImage)])
    writer.writerows(astuple(replace(i, image=as_text(i.image))) for i in images)
    data = text.getvalue().encode()
    write_whole(experiment / FILE, lambda path: path.write_bytes(data))


def read_images(experiment: Path) -> list[PlannedImage]:
    """Read what `write_images` wrote.

    Raises:
        FileNotFoundError: If it is not there.
    """
    path = experiment / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{experiment}: found a plan without {FILE}, expected both as `mmleaves "
            "repeat` writes them. Copy the whole folder, or plan in another one."
        )
    with path.open(newline="", encoding="utf-8") as file:
        return [
            PlannedImage(
                **{
                    **row,
                    "image": from_text(row["image"]),
                    "together": int(row["together"]),
                }
            )
            for row in csv.DictReader(file)
        ]


def file_hash(path: str) -> str:
    """Return an image file's content hash, read once as long as it stays as it is."""
    stat = Path(path).stat()
    return _kept_hash(path, stat.st_size, stat.st_mtime_ns)


@cache
def _kept_hash(path: str, size: int, changed_ns: int) -> str:
    return content_hash(path)
