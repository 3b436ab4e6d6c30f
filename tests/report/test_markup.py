"""Text, numbers and elements that no name can break."""

import pytest
from markupsafe import Markup

from mmleaves.report.markup import cut, element, number, text


def test_a_name_is_text_in_an_element_and_in_an_attribute():
    made = element("text", '</text><b a="', x=1, title='"><script>')
    assert made == (
        '<text x="1" title="&#34;&gt;&lt;script&gt;">&lt;/text&gt;&lt;b a=&#34;</text>'
    )
    assert element("g", made) == f"<g>{made}</g>"


def test_what_is_no_character_is_shown_as_an_escape():
    # A line break, one that turns the writing round, half a pair of UTF-16.
    assert text("a\nb\u202ec\ud800") == r"a\nb\u202ec\ud800"


@pytest.mark.parametrize(
    ("value", "options", "shown", "full"),
    [
        (89.4444, {}, "89.4", "89.4444"),
        (-0.04, {"signed": True}, "+0.0", "-0.04"),
        (-3.25, {"digits": 2}, "\N{MINUS SIGN}3.25", "-3.25"),
        (1234, {"digits": 0, "grouped": True}, "1,234", "1234"),
    ],
)
def test_a_number_is_rounded_for_readers_and_whole_for_programs(
    value, options, shown, full
):
    made = number(value, "a/b", **options)
    assert made == f'<data value="{full}" data-key="a/b">{shown}</data>'
    assert isinstance(made, Markup)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_no_number_is_a_dash(value):
    assert "data" not in number(value, "a")


def test_a_long_name_is_cut_by_its_width():
    assert cut("acer", 4) == "acer" and cut("acero", 4) == "ace…"
    assert cut("银杏", 4) == "银杏" and cut("银杏叶", 4) == "银…"
