"""Small data sets of real images with planted faults."""

import shutil
from pathlib import Path

import cv2
import pytest

from mmleaves.transforms.load_image import read_image


@pytest.fixture(scope="session")
def caltech(unpacked_data) -> Path:
    return unpacked_data / "101_ObjectCategories"


@pytest.fixture(scope="session")
def photos(caltech) -> list[Path]:
    """Forty photographs of four classes, none like another."""
    classes = ("accordion", "crab", "ewer", "umbrella")
    return [
        photo for name in classes for photo in sorted((caltech / name).glob("*"))[:10]
    ]


@pytest.fixture
def folder(tmp_path, photos) -> Path:
    """Class folders of ten photographs each, image_0001.jpg to image_0010.jpg."""
    for index, photo in enumerate(photos):
        name = f"image_{index % 10 + 1:04}.jpg"
        target = tmp_path / "set" / photo.parent.name / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)
    return tmp_path / "set"


@pytest.fixture
def store():
    """Return a function that stores changed pixels of an image as a JPEG."""

    def store(source: Path, target: Path, change=lambda img: img, quality: int = 60):
        target.parent.mkdir(parents=True, exist_ok=True)
        img = change(read_image(source)).copy()
        cv2.imwrite(str(target), img, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return target

    return store
