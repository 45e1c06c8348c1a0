"""The Gantt picture: well-formed, in scale, everything inside the frame, said in words too."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.projects.gantt import GanttRow, begins_of, gantt_parts, gantt_svg

SVG = "{http://www.w3.org/2000/svg}"
DAY = date(2026, 1, 1)
TODAY = date(2026, 6, 1)


def row(n: int, **other: object) -> GanttRow:
    plain = {
        "title": f"第{n}步",
        "begins": DAY + timedelta(30 * n),
        "plan": DAY + timedelta(30 * n + 29),
    }
    return GanttRow(f"m{n}", **(plain | other))  # type: ignore[arg-type]


def drawn(rows: list[GanttRow], today: date = TODAY) -> ElementTree.Element:
    return ElementTree.fromstring(gantt_svg(rows, today))


def of(found: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [one for one in found.iter() if one.get("class") == kind]


def length(one: ElementTree.Element) -> float:
    return float(one.attrib["width"])


def test_bars_are_as_long_as_their_days() -> None:
    found = drawn([row(0), row(1, plan=DAY + timedelta(30 + 58))])
    short, long = of(found, "plan")
    assert length(long) == pytest.approx(2 * length(short), abs=0.2)


def test_what_is_done_is_drawn_to_its_day_and_what_is_expected_is_not_drawn_beside_it() -> None:
    late = DAY + timedelta(58)
    found = drawn([row(0, actual=late, forecast=late), row(1, forecast=DAY + timedelta(90))])
    assert len(of(found, "actual")) == len(of(found, "forecast")) == 1
    assert length(of(found, "actual")[0]) == pytest.approx(
        2 * length(of(found, "plan")[0]), abs=0.2
    )


def test_what_is_done_before_it_was_to_begin_reaches_into_no_day_to_come() -> None:
    done = TODAY - timedelta(1)
    found = drawn([row(0, begins=DAY), row(9, actual=done)])
    (bar,) = of(found, "actual")
    assert length(bar) < 10
    (later,) = of(drawn([row(0, begins=DAY), row(9, actual=TODAY)]), "actual")
    assert float(bar.attrib["x"]) < float(later.attrib["x"])


@pytest.mark.parametrize(("days", "said"), [(1, "滞后 1 天"), (0, ""), (-1, "提前 1 天")])
def test_lateness_is_said_in_days(days: int, said: str) -> None:
    one = row(0, actual=DAY + timedelta(29 + days))
    texts = [text.text or "" for text in drawn([one]).iter(f"{SVG}text")]
    assert [text for text in texts if text.startswith(("滞后", "提前"))] == ([said] if said else [])


def test_a_dependency_is_an_elbow_between_the_two_rows() -> None:
    found = drawn([row(0, critical=True), row(1, depends=("m0",), critical=True), row(2)])
    (arrow,) = of(found, "depends")
    first, second, _ = of(found, "plan")
    end = float(first.attrib["x"]) + length(first)
    start = float(arrow.attrib["d"][1:].split()[0])
    assert start == pytest.approx(end, abs=0.2)
    assert arrow.attrib["d"].endswith(f"H{float(second.attrib['x']):.1f}")
    assert len(of(found, "critical")) == 2


def test_the_picture_says_what_it_shows_to_who_cannot_see_it() -> None:
    found = drawn([row(0, actual=DAY + timedelta(40)), row(1, gate=True, critical=True)])
    assert found.attrib["aria-label"] == "进度图：2 个里程碑，完成 1 个，滞后 1 个"
    titles = [one.findtext(f"{SVG}title") for one in of(found, "row")]
    assert titles[1] == "第1步，计划 2026-03-01，关键路径，关口"


def test_words_are_escaped() -> None:
    text = gantt_svg([row(0, title='<b>"&', href='/x?"', stage="<i>")], TODAY)
    assert "<b>" not in text
    assert "<i>" not in text
    ElementTree.fromstring(text)


days = st.dates(date(2020, 1, 1), date(2070, 1, 1))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(days, days, st.none() | days, st.none() | days, st.booleans()), max_size=30),
    days,
)
def test_whatever_the_days_all_bars_stand_inside_the_frame(
    values: list[tuple[date, date, date | None, date | None, bool]], today: date
) -> None:
    rows = [
        GanttRow(f"m{n}", "甲" * 40, *one[:4], (f"m{n - 1}",) if n else (), gate=one[4])
        for n, one in enumerate(values)
    ]
    found = drawn(rows, today)
    _, _, width, height = map(float, found.attrib["viewBox"].split())
    for one in found.iter(f"{SVG}rect"):
        assert -0.1 <= float(one.attrib["x"]) <= float(one.attrib["x"]) + length(one) <= width + 0.1
        assert 0 <= float(one.attrib["y"]) <= height


def test_the_printed_pieces_hold_every_row_once_in_one_scale() -> None:
    rows = [row(n % 20, title=f"第{n}步", depends=()) for n in range(60)]
    rows = [GanttRow(f"k{n}", one.title, one.begins, one.plan) for n, one in enumerate(rows)]
    pieces = [ElementTree.fromstring(one) for one in gantt_parts(rows, TODAY, per=28)]
    assert [len(of(piece, "row")) for piece in pieces] == [28, 28, 4]
    axes = [tuple(one.text for one in piece.findall(f"{SVG}text")) for piece in pieces]
    assert len(set(axes)) == 1
    assert all(float(piece.attrib["viewBox"].split()[3]) < 900 for piece in pieces)


def test_a_dependency_on_another_page_comes_in_from_the_edge() -> None:
    rows = [row(0), row(1, depends=("m0",))]
    second = ElementTree.fromstring(list(gantt_parts(rows, TODAY, per=1))[1])
    (arrow,) = of(second, "depends")
    assert arrow.attrib["d"].split("V")[0].split()[1].startswith("44")


def test_two_hundred_milestones_are_one_small_picture() -> None:
    rows = [row(n, depends=(f"m{n - 1}",) if n else ()) for n in range(200)]
    assert len(gantt_svg(rows, TODAY)) < 250_000


def test_no_milestone_is_an_empty_picture() -> None:
    assert drawn([]).attrib["aria-label"].startswith("进度图：0 个")
    assert len(list(gantt_parts([], TODAY))) == 1


def test_work_begins_the_day_after_the_last_that_it_waits_for() -> None:
    plan = {"a": date(2026, 1, 31), "b": date(2026, 2, 28)}
    assert begins_of(DAY, plan, ("a", "b")) == date(2026, 3, 1)
    assert begins_of(DAY, plan, ()) == begins_of(DAY, plan, ("gone",)) == DAY
