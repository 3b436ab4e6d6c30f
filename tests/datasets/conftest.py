"""Small data sets of real images, and what was logged."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.logging import MMLogger


class ListHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Lines that were logged during the test."""
    handler, logger = ListHandler(), MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)


@pytest.fixture
def leaf_images(real_data) -> list[Path]:
    """The 579 labelled leaves, about 8 kB each."""
    return sorted((real_data / "leaves" / "images").glob("*.jpg"))


@pytest.fixture
def make_folders(tmp_path, leaf_images):
    """Return a function that lays out class folders with so many images each."""

    def make(counts: dict[str, int], below: str = "set") -> Path:
        images = iter(leaf_images)
        for name, count in counts.items():
            folder = tmp_path / below / name
            folder.mkdir(parents=True)
            for number in range(count):
                shutil.copy(next(images), folder / f"image_{number:04}.jpg")
        return tmp_path / below

    return make
