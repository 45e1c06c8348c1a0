"""Charts say what they show: well-formed SVG, numbers in words, nothing beyond the frame."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cases.charts import Bar, Series, bars, columns, lines

MONTHS = ["26-09", "26-10", "26-11"]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_a_line_stops_at_a_month_without_a_value() -> None:
    found = drawn(lines(MONTHS, [Series("按时", [90.0, None, 100.0])], unit="%", most=100))
    (line,) = found.findall(f"{SVG}polyline")
    assert len(line.attrib["points"].split()) == 2
    assert len(found.findall(f"{SVG}circle")) == 2


def test_a_chart_tells_its_numbers_to_who_cannot_see_it() -> None:
    found = drawn(lines(MONTHS, [Series("按时", [90.0, None, 100.0])]))
    assert found.attrib["role"] == "img"
    assert found.attrib["aria-label"] == "按时：26-09 90 26-11 100"


def test_words_are_escaped() -> None:
    text = bars([Bar("<b>&", [1], '"')])
    assert "<b>" not in text
    assert [one.text for one in drawn(text).findall(f"{SVG}text")] == ["<b>&", '"']


def test_bars_are_in_proportion() -> None:
    found = drawn(bars([Bar("甲", [2, 1], "3"), Bar("乙", [1.5], "1.5")], ["内", "外"]))
    widths = [float(one.attrib["width"]) for one in found.findall(f"{SVG}rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[2] == pytest.approx((widths[0] + widths[1]) / 2, abs=0.2)


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [None, None, None], [1e6, 3.0, 0.5]])
def test_whatever_the_numbers_all_stands_inside_the_frame(values: list[float | None]) -> None:
    for text in (lines(MONTHS, [Series("x", values)]), columns(MONTHS, [Series("x", values)])):
        found = drawn(text)
        _, _, width, height = map(float, found.attrib["viewBox"].split())
        for one in found.iter():
            for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                assert -0.1 <= float(one.attrib.get(name, 0)) <= most + 0.1


@pytest.mark.parametrize("most", [1, 2, 3, 9, 10, 41, 100])
def test_a_scale_of_what_is_counted_is_divided_in_whole_numbers(most: int) -> None:
    found = drawn(columns(MONTHS, [Series("收件", [0.0, 1.0, float(most)])]))
    scale = [t.text or "" for t in found.findall(f"{SVG}text") if t.get("text-anchor") == "end"]
    assert len(scale) == 5
    assert all(one.isdecimal() for one in scale), scale


def test_no_month_at_all_is_an_empty_chart() -> None:
    assert drawn(lines([], [Series("x", [])])) is not None
    assert drawn(bars([])) is not None
