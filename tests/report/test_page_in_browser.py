"""The page as a reader sees it, in headless Chromium."""

import pytest
from report.conftest import CHINESE, EVIL

WIDTHS = {"phone": 360, "desk": 1100}

# Text whose colour is too near to what lies behind it: [text, ratio] each.
FAINT = """() => {
  const parse = (value) => {
    const numbers = value.match(/[\\d.]+(?:e-?\\d+)?/g).map(Number);
    const scale = value.startsWith("color(") ? 255 : 1;
    const alpha = numbers.length > 3 ? numbers[3] : 1;
    return [numbers[0] * scale, numbers[1] * scale, numbers[2] * scale, alpha];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.opacity !== "1") throw new Error("opacity");
      const colour = parse(style.backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error("half transparent");
    }
    throw new Error("nothing behind");
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.tagName === "title" || !element.getClientRects().length)
      continue;
    seen += 1;
    const style = getComputedStyle(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [luminance(ink.slice(0, 3)), luminance(behind(element).slice(0, 3))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 || ink[3] !== 1) found.push([text, ratio]);
  }
  return [seen, found];
}"""

# Height of a letter in px as it is drawn, of the smallest text in a figure.
SMALLEST = """() => Math.min(...[...document.querySelectorAll("svg text")].map((text) =>
  parseFloat(getComputedStyle(text).fontSize) * Math.hypot(
    text.getScreenCTM().a, text.getScreenCTM().b)))"""


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture
def opened(browser, scheme, hostile_page):
    """The page, all of it unfolded, with all that it complained of or asked for."""
    pages = []

    def open_page(width, path=hostile_page):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        pages.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda said: page.complaints.append(said.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda box: page.complaints.append(box.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        for details in page.query_selector_all("details"):
            details.evaluate("one => one.open = true")
        # Pictures are loaded when they come into view.
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        return page

    yield open_page
    for context in pages:
        context.close()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_fetched_and_nothing_complained_of(opened, width, hostile_page):
    page = opened(width)
    asked = [url for url in page.asked if not url.startswith("data:image/jpeg;base64,")]
    assert asked == [hostile_page.as_uri()]
    assert page.complaints == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_page_never_scrolls_sideways(opened, width):
    page = opened(width)
    root = page.evaluate("document.documentElement.scrollWidth")
    assert max(root, page.evaluate("document.body.scrollWidth")) <= width


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_all_text_stands_out_from_what_is_behind_it(opened, width):
    seen, faint = opened(width).evaluate(FAINT)
    assert seen > 300
    assert faint == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_long_names_fit_and_names_of_recipes_are_text(opened, wide_page, width):
    page = opened(width, wide_page)
    assert (page.asked, page.complaints) == ([wide_page.as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT)[1] == []
    assert page.evaluate("document.querySelectorAll('[onload]').length") == 0
    assert "<svg onload=alert(2)>" in page.title()


def test_the_contrast_test_sees_faint_text(opened, scheme):
    page = opened(1100)
    grey = {"light": "#888", "dark": "#666"}[scheme]
    page.evaluate(f"document.querySelector('h1').style.color = '{grey}'")
    _, faint = page.evaluate(FAINT)
    assert len(faint) == 1


def test_figures_can_be_read_on_a_phone(opened):
    assert opened(360).evaluate(SMALLEST) >= 10


def test_both_schemes_differ(browser, opened, scheme):
    dark = scheme == "dark"
    colour = opened(360).evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(13, 17, 23)") == dark


def test_hostile_names_are_shown_as_text(opened):
    page = opened(1100)
    shown = page.evaluate("document.body.innerText")
    for name in (EVIL, CHINESE):
        # Tables of classes, matrices, plan, methods; and the captions of images.
        assert shown.count(name) > 10
    drawn = page.evaluate(
        "[...document.querySelectorAll('svg')].map((one) => one.textContent).join()"
    )
    assert EVIL in drawn and CHINESE[:10] in drawn
    attributes = page.evaluate(
        "[...document.querySelectorAll('data')].map((one) => one.dataset.key).join()"
    )
    assert EVIL in attributes and CHINESE in attributes
    assert (
        page.evaluate("document.querySelectorAll('img[src=x], [onerror]').length") == 0
    )
    assert page.evaluate("document.querySelectorAll('script').length") == 0


def test_every_picture_is_there(opened):
    page = opened(1100)
    images = page.query_selector_all("img")
    assert len(images) == 6
    for image in images:
        image.scroll_into_view_if_needed()
        assert image.evaluate("async (one) => { await one.decode(); return true; }")
        width, height = image.evaluate("(one) => [one.naturalWidth, one.naturalHeight]")
        assert max(width, height) == 144
