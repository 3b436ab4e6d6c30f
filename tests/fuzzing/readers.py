"""Read mutated files as a run does, and see that they were accepted rightly."""

import csv
import io
import logging
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.newest import newest_checkpoint
from mmleaves.datasets import CaltechFolders, LeavesCSV
from mmleaves.datasets.image_header import check_headers
from mmleaves.transforms import LoadImage

from .mutations import nfc

_LOG = logging.getLogger("fuzzing")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


def read_image(path: str) -> None:
    problems = check_headers([path], threads=1)
    img = LoadImage()({"img_path": path})["img"]
    assert img.dtype == np.uint8 and img.ndim == 3 and img.shape[2] == 3, img.shape
    assert 0 < img.shape[0] * img.shape[1] <= 64e6, img.shape
    assert not problems, f"refused by its header, yet read: {problems}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as header:
            sides = header.size
            assert sorted(sides) == sorted(img.shape[:2]), (sides, img.shape)


def read_table(path: str) -> None:
    data = LeavesCSV(str(Path(path).parent), part="all")
    found = {}
    for index in range(len(data)):
        info = data.get_data_info(index)
        assert info["img_path"].startswith(f"{Path(path).parent}/")
        found[info["img_path"]] = data.metainfo["classes"][info["gt_label"]]
    text = Path(path).read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if "".join(row)]
    header = [name.strip() for name in rows[0]]
    place = header.index("label")
    labels = sorted({nfc(row[place].strip()) for row in rows[1:] if len(row) > 1})
    assert list(data.metainfo["classes"]) == labels, labels


def read_folders(root: str) -> None:
    data = CaltechFolders(root, part="all")
    classes = data.metainfo["classes"]
    assert list(classes) == sorted(set(classes)) and len(classes) > 1
    for index in range(len(data)):
        info = data.get_data_info(index)
        name = info["img_path"].removeprefix(f"{root}/").partition("/")[0]
        assert nfc(name) == classes[info["gt_label"]], name
        assert os.path.lexists(info["img_path"])
    check_headers([data.get_data_info(i)["img_path"] for i in range(len(data))])


def read_checkpoints(run: str) -> None:
    try:
        newest = newest_checkpoint(Path(run), _LOG)
        assert newest.parent == Path(run)
        assert isinstance(load_from_local(str(newest), "cpu"), dict)
    finally:
        assert not Path(run).with_name("ran").exists(), "code of a checkpoint ran"


READERS = {
    "image": read_image,
    "table": read_table,
    "folders": read_folders,
    "checkpoints": read_checkpoints,
}
