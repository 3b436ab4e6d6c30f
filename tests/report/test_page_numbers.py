"""Every number of a page against a recomputation from the parquet files."""

import dataclasses
import re
from html import unescape
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from evidence.conftest import SmallExperiment
from pyarrow.parquet import read_table, write_table
from report.real_experiments import busi, leaves, write_experiment
from report.recomputed import Recomputed

from mmleaves.evidence.gather import gather
from mmleaves.evidence.plan import write_plan
from mmleaves.experiments.image_table import POOL, PlannedImage, write_images
from mmleaves.report.page import write_report
from mmleaves.report.scored import score

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


def check_shown(key, value, shown):
    if shown == "< 0.001":
        assert value < 0.001, key
        return
    plain = shown.replace("\N{MINUS SIGN}", "-").replace(",", "")
    digits = len(plain.partition(".")[2])
    assert float(plain) == pytest.approx(value, abs=0.5 * 10**-digits + 1e-12), key


def check_numbers(page, recomputed, *, without=()):
    found = {
        key: value for key, value, _ in page.numbers if not key.startswith(without)
    }
    assert found.keys() == recomputed.numbers.keys()
    for key, value in found.items():
        close = 2e-4 if any(word in key for word in LOOSE) else 1e-9
        expected = recomputed.numbers[key]
        assert value == pytest.approx(expected, rel=close, abs=close), key


def test_every_number_is_what_the_files_give(page, recomputed):
    check_numbers(page, recomputed)


@pytest.mark.parametrize("kind", ["hold-out", "three classes"])
def test_so_are_those_of_a_hold_out_and_of_three_classes(real_data, tmp_path, kind):
    folder = tmp_path / "experiment"
    if kind == "hold-out":
        test = busi(real_data, part="test")
        paths, truth = busi(real_data, most=90)
        write_experiment(folder, paths, truth, ["benign", "malignant"], holdout=test)
    else:
        paths, truth = leaves(real_data, most=200)
        three = sorted(set(truth))[:3]
        pairs = [pair for pair in zip(paths, truth, strict=True) if pair[1] in three]
        paths, truth = zip(*pairs, strict=True)
        write_experiment(folder, paths, truth, three, folds=4, repeats=2)
    write_report(score(gather([str(folder)])), str(tmp_path / "page.html"), pictures=3)
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    recomputed = Recomputed(folder, shown=3)
    check_numbers(page, recomputed, without=("calibration/", "roc/"))
    test_the_verdicts_are_those_of_compare(page, recomputed)
    assert any(key.endswith("/p_strict") for key in recomputed.numbers)


def test_a_number_is_the_same_wherever_it_stands(page):
    values = {}
    for key, value, _ in page.numbers:
        assert values.setdefault(key, value) == value, key


def test_every_number_is_shown_as_it_is(page):
    assert len(page.numbers) > 180
    for key, value, shown in page.numbers:
        check_shown(key, value, shown)


def test_cells_of_numbers_have_no_others(page):
    assert not re.search(r"\d", "".join(page.loose))


def test_the_verdicts_are_those_of_compare(page, recomputed):
    assert page.sentences == recomputed.sentences


def add_selected(path):
    """Let a run have seen two more images, which chose its epoch."""
    seen = read_table(path, partitioning=None)
    more = pa.table({"hash": ["e" * 64, "f" * 64], "use": ["select"] * 2})
    write_table(pa.concat_tables([seen, more]), path)


@pytest.fixture(
    params=["holdout", "classes", "one repeat", "auroc", "too early", "best"]
)
def other_page(request, real_data, tmp_path):
    """A page of another kind of experiment, and a sentence that only it has."""
    kind, options = request.param, {}
    folder = tmp_path / "experiment"
    if kind == "holdout":
        test = busi(real_data, part="test")
        paths, truth = busi(real_data, most=90)
        write_experiment(folder, paths, truth, ["benign", "malignant"], holdout=test)
        says = "The 2 recipes coarse and fine were compared on 33 held-out images"
    elif kind == "classes":
        paths, truth = leaves(real_data, most=96)
        classes = sorted(set(truth))
        write_experiment(folder, paths, truth, classes, folds=2, repeats=2)
        options = {"roc_classes": [classes[0]]}
        says = f"{classes[0]} against the rest"
    else:
        small = SmallExperiment(folder, repeats=1 if kind == "one repeat" else 2)
        says = "McNemar's exact test on the paired predictions of 40 images"
        if kind == "best":
            plan = dataclasses.replace(
                small.plan, epoch_rule="best", group_column="<b>patient</b>"
            )
            write_plan(plan, folder)
            small.plan = plan
            says = (
                "that did best on 2 images taken out of the training part. Images of "
            )
            says += "the same <b>patient</b> were kept in one fold. By their content"
        for config in small.plan.configs:
            for repeat in range(len(small.plan.repeats)):
                if kind == "too early" and repeat:
                    continue
                for fold in range(small.plan.folds):
                    rule = "best" if kind == "best" else "last"
                    where = small.write(config, repeat, fold, epoch_rule=rule)
                    if kind == "best":
                        add_selected(where / "images.parquet")
        if kind == "auroc":
            says = "Differences of AUROC were estimated from the paired predictions"
        if kind == "too early":
            says = "no verdict before the planned end"
    scored = score(
        gather([str(folder)]), metric="auroc" if kind == "auroc" else "accuracy"
    )
    path = tmp_path / "page.html"
    write_report(scored, str(path), pictures=0, **options)
    return path.read_text(encoding="utf-8"), says


def test_other_experiments_have_whole_pages(other_page):
    text, says = other_page
    page = Page(text)
    test_a_number_is_the_same_wherever_it_stands(page)
    test_cells_of_numbers_have_no_others(page)
    for key, value, shown in page.numbers:
        check_shown(key, value, shown)
    words = words_of(text)
    assert says in words
    for odd in ("None", " nan", " ,", " .", "..", "( "):
        assert odd not in words.split("Methods, to paste")[1], odd


def words_of(text):
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", "", text)))


PATTERN = r"^([a-z]+)<\d+>"


@pytest.mark.parametrize(
    ("groups", "near", "says"),
    [
        ({}, False, None),
        ({"group_column": "patient"}, False, "of the same patient"),
        (
            {"group_pattern": PATTERN},
            False,
            f"of the same group by their names (pattern {PATTERN})",
        ),
        ({}, True, "that show nearly the same picture"),
        (
            {"group_column": "patient"},
            True,
            "of the same patient or that show nearly the same picture",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["cv", "holdout"])
def test_the_page_says_what_its_plan_kept_together(tmp_path, kind, groups, near, says):
    small = SmallExperiment(tmp_path / "experiment", kind=kind).write_all()
    write_plan(dataclasses.replace(small.plan, **groups), small.folder)
    # Pairs of one patient, and copies: 0 and 1, 2 and 3; 38 and 39 have the same bytes.
    hashes = [*small.hashes[:39], small.hashes[38]]
    together = [i - i % 2 if groups or i == 39 else i for i in range(40)]
    if near:
        together[4:8] = [4] * 4
    images = [
        PlannedImage(
            f"{i}.png",
            key,
            small.truth[i],
            f"p{i // 2}" if groups else "",
            number,
            POOL,
        )
        for i, (key, number) in enumerate(zip(hashes, together, strict=True))
    ]
    write_images(images, small.folder)
    page = tmp_path / "page.html"
    write_report(score(gather([str(small.folder)])), str(page), pictures=0)
    words = words_of(page.read_text(encoding="utf-8"))
    row = "nothing was asked for" if says is None else f"images {says}"
    assert f"kept together{row} base seed" in words
    end = "as a scored one were not trained on. By their content"
    if kind == "cv":
        end = "were kept in one fold. By their content"
    methods = words.split("Methods, to paste")[1]
    assert (f"Images {says} {end}" in methods) == (says is not None)
    assert ("one fold" in methods) == (says is not None and kind == "cv")


def test_a_group_of_two_spellings_makes_no_near_copies(tmp_path):
    """Pandas writes 17.0 in a column with gaps, and `repeat` takes it for 17."""
    small = SmallExperiment(tmp_path / "experiment").write_all()
    write_plan(dataclasses.replace(small.plan, group_column="patient"), small.folder)
    images = [
        PlannedImage(
            f"{i}.png",
            key,
            small.truth[i],
            f"{i // 2}{'.0' * (i % 2)}",
            i - i % 2,
            POOL,
        )
        for i, key in enumerate(small.hashes)
    ]
    write_images(images, small.folder)
    page = tmp_path / "page.html"
    write_report(score(gather([str(small.folder)])), str(page), pictures=0)
    assert "nearly the same picture" not in words_of(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("table", ["", "a,b\n1,2\n", "hash,group,together\nx,,y\n"])
def test_a_table_of_images_of_another_program_keeps_no_page_back(tmp_path, table):
    small = SmallExperiment(tmp_path / "experiment").write_all()
    (small.folder / "images.csv").write_text(table)
    page = tmp_path / "page.html"
    write_report(score(gather([str(small.folder)])), str(page), pictures=0)
    assert "nothing was asked for" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["cv", "holdout"])
def test_the_methods_say_what_was_sought_and_at_which_threshold(tmp_path, kind):
    small = SmallExperiment(tmp_path / "experiment", kind=kind).write_all()
    page = tmp_path / "page.html"
    scored = score(gather([str(small.folder)]), metric="sensitivity")
    write_report(scored, str(page), pictures=0)
    methods = words_of(page.read_text(encoding="utf-8")).split("Methods, to paste")[1]
    sought = "[b]malignant[/b]"
    assert (
        f"Sensitivity is the share of the images of {sought} that were found, "
        "specificity that of the images of 良性 that were not called so; "
    ) in methods
    threshold = (
        f"an image was called {sought} from that probability on at which both shares "
        "were most even among the images of the other folds of its repeat"
    )
    if kind == "holdout":
        threshold = (
            f"an image was called {sought} at a probability of 0.5 or more, a "
            "threshold that was not chosen by any images."
        )
    assert threshold in methods
    for odd in ("None", " nan", " ,", " .", "..", "( "):
        assert odd not in methods, odd


def test_the_methods_name_no_threshold_where_none_is_needed(wide_page):
    words = words_of(wide_page.read_text(encoding="utf-8"))
    assert "Sensitivity" not in words


@pytest.mark.parametrize(("earlier", "often"), [((1,), "once"), ((1, 2), "2 times")])
def test_the_methods_say_what_p_was_multiplied_by(tmp_path, earlier, often):
    """With 40 images, each extension of a plan costs a look."""
    small = SmallExperiment(tmp_path / "experiment").write_all()
    gathered = dataclasses.replace(gather([str(small.folder)]), earlier_repeats=earlier)
    page = tmp_path / "page.html"
    write_report(score(gathered), str(page), pictures=0)
    methods = words_of(page.read_text(encoding="utf-8")).split("Methods, to paste")[1]
    assert (
        f"The plan was extended {often}, after a look at the results: p values "
        f"are multiplied by {1 + len(earlier)} (Bonferroni), and intervals are not "
        "adjusted."
    ) in methods
