"""Every number of a page against a recomputation from the parquet files."""

import re
from html.parser import HTMLParser

import pytest
from report.recomputed import Recomputed

# Found by other minimisers, in steps of their own.
LOOSE = ("temperature", "ece_scaled", "nll_scaled")


class Page(HTMLParser):
    """What a page says: its numbers by key, and the text of some elements.

    Attributes:
        numbers: (key, value, shown text) of each number, in order.
        loose: Text in cells of numbers that is in no number.
        sentences: Verdicts.
    """

    def __init__(self, text):
        super().__init__()
        self.numbers, self.loose, self.sentences = [], [], []
        self._number, self._cell, self._says = None, False, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "data":
            self._number = (attrs["data-key"], float(attrs["value"]))
        if tag == "td":
            self._cell = "num" in attrs.get("class", "").split()
        if tag == "p" and attrs.get("class") == "says":
            self._says = True
            self.sentences.append("")

    def handle_endtag(self, tag):
        self._number = None if tag == "data" else self._number
        self._cell = self._cell and tag != "td"
        self._says = self._says and tag != "p"

    def handle_data(self, text):
        if self._number is not None:
            self.numbers.append((*self._number, text))
        elif self._cell:
            self.loose.append(text)
        if self._says:
            self.sentences[-1] += text


@pytest.fixture(scope="module")
def page(hostile_page):
    return Page(hostile_page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recomputed(hostile):
    return Recomputed(hostile, shown=3)


def test_every_number_is_what_the_files_give(page, recomputed):
    found = {key: value for key, value, _ in page.numbers}
    assert found.keys() == recomputed.numbers.keys()
    for key, value in found.items():
        close = 2e-4 if any(word in key for word in LOOSE) else 1e-9
        expected = recomputed.numbers[key]
        assert value == pytest.approx(expected, rel=close, abs=close), key


def test_a_number_is_the_same_wherever_it_stands(page):
    values = {}
    for key, value, _ in page.numbers:
        assert values.setdefault(key, value) == value, key


def test_every_number_is_shown_as_it_is(page):
    assert len(page.numbers) > 180
    for key, value, shown in page.numbers:
        if shown == "< 0.001":
            assert value < 0.001, key
            continue
        plain = shown.replace("\N{MINUS SIGN}", "-").replace(",", "")
        digits = len(plain.partition(".")[2])
        assert float(plain) == pytest.approx(value, abs=0.5 * 10**-digits + 1e-12), key


def test_cells_of_numbers_have_no_others(page):
    assert not re.search(r"\d", "".join(page.loose))


def test_the_verdicts_are_those_of_compare(page, recomputed):
    assert page.sentences == recomputed.sentences
