"""Pages of real experiments, and a browser to look at them."""

import shutil

import pytest
from conftest import skip_unless_in_ci
from evidence.conftest import SmallExperiment
from report.real_experiments import busi, write_experiment
from report.tables import write_table

from mmleaves.evidence.gather import gather
from mmleaves.report.page import write_report
from mmleaves.report.scored import score

EVIL = "<img src=x onerror=alert(1)>"
CHINESE = '恶性 "&amp;" {{ 7 * 7 }} \'</title>'


@pytest.fixture
def experiment(tmp_path):
    """Forty images that are nowhere, two configs."""
    return SmallExperiment(tmp_path / "experiment").write_all()


@pytest.fixture(scope="session")
def hostile(real_data, tmp_path_factory):
    """Folder of an experiment on ultrasound images whose class names are hostile."""
    folder = tmp_path_factory.mktemp("hostile") / "experiment"
    names = {"benign": EVIL, "malignant": CHINESE}
    paths, truth = busi(real_data, most=121)
    truth = [names[name] for name in truth]
    write_experiment(folder, paths, truth, list(names.values()), repeats=2)
    return folder


@pytest.fixture(scope="session")
def hostile_page(hostile):
    """The page of it, with few pictures."""
    path = hostile.parent / "page.html"
    write_report(score(gather([str(hostile)])), str(path), pictures=3)
    return path


@pytest.fixture(scope="session")
def wide_page(tmp_path_factory):
    """A page of long names: nine classes, and a recipe that is markup."""
    folder = tmp_path_factory.mktemp("wide")
    names = ["名" * 40, "x" * 80, "an ordinary long name of a class", *"abcdef"]
    recipes = ("<svg onload=alert(2)>", "mobilenet-v2_probe_b32-adamw-cosine10_leaves")
    tables = [
        write_table(folder / f"{recipe}.csv", seed=seed, images=90, names=names)
        for seed, recipe in enumerate(recipes)
    ]
    path = folder / "page.html"
    scored = score(gather(tables, train_images=200), all_pairs=True)
    write_report(scored, str(path), roc_classes=names[:2], pictures=2)
    return path


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    try:
        from playwright import sync_api
    except ImportError:
        skip_unless_in_ci("needs playwright: pip install -e '.[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            # A container's root may not use the sandbox; only our own page is opened.
            started = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox"]
            )
        except sync_api.Error as error:
            skip_unless_in_ci(f"needs Chromium (Debian: chromium): {error}")
        yield started
        started.close()
