"""The HTML page: one file, no request, names as text."""

import base64
import shutil
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from mmleaves.audit.audit import audit_parts
from mmleaves.audit.from_csv import Columns
from mmleaves.audit.from_folder import parts_of_folder
from mmleaves.audit.page import write_page

EVIL = "<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page(tmp_path, photos):
    for name in (EVIL, "银杏", 'a"b & c'):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        for photo in photos[:4]:
            shutil.copy(photo, folder / photo.name)
    (tmp_path / "set" / "银杏" / "broken.jpg").write_bytes(b"<script>alert(2)</script>")
    report = audit_parts(*parts_of_folder(str(tmp_path / "set"), Columns()))
    write_page(report, str(tmp_path / "out" / "page.html"))
    return (tmp_path / "out" / "page.html").read_text(encoding="utf-8")


def test_names_are_shown_as_text(page):
    parsed = Page(page)
    assert EVIL in parsed.text and "银杏" in parsed.text and 'a"b & c' in parsed.text
    assert not [attrs for _, attrs in parsed.tags if "onerror" in attrs]
    assert "script" not in {tag for tag, _ in parsed.tags}


def test_nothing_is_fetched(page):
    parsed = Page(page)
    for tag, attrs in parsed.tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert attrs.get("src", "data:").startswith("data:")
        assert "href" not in attrs
    assert (
        "url(" not in page
        and "@import" not in page
        and "http" not in page.replace("http-equiv", "")
    )


def test_both_pictures_of_a_pair_are_inside(page):
    sources = [attrs["src"] for tag, attrs in Page(page).tags if tag == "img"]
    # Four photographs in three classes: three pairs of labels each.
    assert len(sources) == 2 * 4 * 3
    for source in sources:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert max(picture.shape) == 160


def test_it_is_light_and_dark(page):
    assert "prefers-color-scheme: dark" in page and "color-scheme: light dark" in page


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"--html a\.txt: expected a name that ends in"
    ):
        write_page(None, "a.txt")
