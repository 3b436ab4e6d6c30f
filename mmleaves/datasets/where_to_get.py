"""What to tell a user whose data folder is not there: where its data is to be had."""

import shlex
from pathlib import Path

from mmleaves.archives.reading import ARCHIVE_ENDINGS
from mmleaves.datasets.class_order import some_names

SOURCES = {
    "101_objectcategories": (
        "Caltech-101",
        "Get caltech-101.zip from https://data.caltech.edu/records/mzrjq-6wc02 and "
        "unpack the 101_ObjectCategories.tar.gz inside it",
    ),
    "256_objectcategories": (
        "Caltech-256",
        "Get 256_ObjectCategories.tar from "
        "https://data.caltech.edu/records/nyy15-4j048 and unpack it",
    ),
    "cifar10": (
        "CIFAR-10 in class folders",
        "Get the images from https://www.cs.toronto.edu/~kriz/cifar.html and save them "
        "as train/<class>/*.png and test/<class>/*.png",
    ),
    "leaves": (
        "Kaggle's classify-leaves",
        "Get it with `kaggle competitions download -c classify-leaves` and unpack it",
    ),
    "busi": (
        "BUSI, breast ultrasound images",
        "Get it from https://scholar.cu.edu.eg/?q=afahmy/pages/dataset, or on Kaggle "
        'as "breast-ultrasound-images-dataset", and lay it out as train/benign, '
        "train/malignant, test/benign and test/malignant",
    ),
    "cub200_2010": (
        "CUB-200 of 2010",
        "Get images.tgz from https://www.vision.caltech.edu/datasets/ and unpack it",
    ),
}
ALSO_CALLED = {
    "birds": "cub200_2010",
    "caltech-101": "101_objectcategories",
    "classify-leaves": "leaves",
}

LAYOUTS = {
    "leaves": "train.csv with the columns image and label, beside the images",
    "caltech": "one folder of images a class",
    "benign_malignant": "train/ with one folder of benign and one of malignant images",
}
# 30 images a class to train with, as the default is, and 10 to test.
LAYOUT_OPTIONS = {layout: layout for layout in LAYOUTS} | {
    "caltech": "caltech --per-class 40"
}


def find_data_root(data_root: str, layout: str) -> str:
    """Return ``data_root`` with ``~`` expanded, once it is sure that it is a folder.

    Args:
        data_root: Folder of a data set; empty stands for the current folder.
        layout: Key of ``LAYOUTS``, as ``tools/make_sample.py`` calls it too.

    Raises:
        FileNotFoundError: If there is no such folder; the text says which data it
            should hold and how to get it.
        NotADirectoryError: If it is a file, such as an archive not yet unpacked.
    """
    folder = Path(data_root).expanduser()
    if folder.is_dir():
        return str(folder) if data_root else ""
    title, how = _source(folder)
    expected = f"the folder of {title}" if title else f"a folder with {LAYOUTS[layout]}"
    if folder.exists():
        raise NotADirectoryError(
            f"{folder}: found a file, expected {expected}. {unpack_advice(folder)}"
        )
    advice = f"{how} so that it is {folder}" if how else "Correct `data_root`"
    raise FileNotFoundError(
        f"{folder}: found no such folder, expected {expected}. {advice}. To try "
        f"without it, {_stand_in(folder, layout)} a stand-in."
    )


def _stand_in(folder: Path, layout: str) -> str:
    """Return the commands that draw what can stand in for a folder, and a verb."""
    drawn = {folder: LAYOUT_OPTIONS[layout]}
    if layout == "caltech" and _name(folder) == "cifar10":
        # Its configs read two folders of 32 px; one seed would draw one twice.
        drawn = {
            folder / "train": "caltech --size 32",
            folder / "test": "caltech --size 32 --seed 1",
        }
    commands = [
        f"`python tools/make_sample.py --layout {options} {shlex.quote(str(out))}`"
        for out, options in drawn.items()
    ]
    return " and ".join(commands) + (" draws" if len(commands) == 1 else " draw")


def unpack_advice(archive: Path) -> str:
    """Return what to do with a file that stands where a folder was expected."""
    if not archive.name.lower().endswith(ARCHIVE_ENDINGS):
        return "Name the folder that it lies in, or another."
    folder = archive.with_name(archive.name.split(".")[0])
    return (
        "Data are read from folders, not from archives: `mmleaves unpack "
        f"{shlex.quote(str(archive))} {shlex.quote(str(folder))}`, and name the folder."
    )


def find_folder_in(data_root: str, folder: str, option: str) -> None:
    """Make sure that ``folder``, which ``option`` names, is there.

    Raises:
        FileNotFoundError: If it is not; the text lists what ``data_root`` holds.
    """
    if Path(folder).is_dir():
        return
    beside = sorted(p.name for p in Path(data_root or ".").iterdir() if p.is_dir())
    holds = some_names(beside) or "no folders"
    raise FileNotFoundError(
        f"{folder}: found no such folder, expected the one that `{option}` names. "
        f"{data_root or 'The current folder'} holds {holds}: "
        f"set `{option}` to one of them, to '' for the whole, or correct `data_root`."
    )


def _source(folder: Path) -> tuple[str, str]:
    return SOURCES.get(_name(folder), ("", ""))


def _name(folder: Path) -> str:
    """Return what the data set that a folder is called after is called here."""
    name = folder.name.lower().split(".")[0]
    return ALSO_CALLED.get(name, name)
