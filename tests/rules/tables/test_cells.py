"""One cell: what it means, how it is written back, and what is refused by name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.tables.cells import (
    ANY,
    Cell,
    CellRefused,
    Equal,
    Kind,
    Range,
    Scalar,
    parse_cell,
    parse_value,
    spelled_cell,
)  # fmt: skip


def D(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("5", ["5", "5.0"], ["4.9", "5.1"]),
        (">=18", ["18", "19"], ["17.999999999999"]),
        ("> 18", ["18.1"], ["18"]),
        ("<18", ["17", "-3"], ["18"]),
        ("<= -1.5", ["-1.5", "-2"], ["-1"]),
        ("[1..3]", ["1", "3"], ["0.9", "3.1"]),
        ("(1..3]", ["1.1", "3"], ["1", "3.1"]),
        ("[1..3)", ["1", "2.9"], ["3"]),
        ("]1..3[", ["2"], ["1", "3"]),
        ("[-3..-1]", ["-2"], ["0"]),
        ("1, 2, >10", ["1", "2", "11"], ["3", "10"]),
        ("not(5)", ["4"], ["5"]),
        ("not(<1, [5..6])", ["1", "4.9", "7"], ["0", "5", "6"]),
    ],
)
def test_a_number_cell_holds_of_what_it_says(text: str, yes: list[str], no: list[str]) -> None:
    cell = parse_cell(text, "number")
    assert [n for n in yes if not cell.holds(D(n))] == []
    assert [n for n in no if cell.holds(D(n))] == []


def test_a_dash_holds_of_everything_and_of_a_missing_value() -> None:
    assert parse_cell(" - ", "number") == ANY
    assert ANY.holds(None)
    assert ANY.holds(D("1"))


@pytest.mark.parametrize("text", ["1", "<1", "not(1)", "not(null)", "[0..9]"])
def test_a_missing_value_is_matched_by_no_value_and_no_negation(text: str) -> None:
    assert not parse_cell(text, "number").holds(None)


def test_null_is_the_missing_value() -> None:
    assert parse_cell("null, 3", "number").holds(None)
    assert parse_cell("not(null)", "number").holds(D("3"))


def test_types_do_not_mix() -> None:
    assert not parse_cell('"1"', "text").holds(D("1"))
    assert not parse_cell("1", "number").holds(True)
    assert not parse_cell("true", "boolean").holds(D("1"))


def test_dates_are_compared_by_day() -> None:
    cell = parse_cell('[date("2026-03-01")..@"2030-12-31"]', "date")
    assert cell.holds(date(2026, 3, 1))
    assert not cell.holds(date(2031, 1, 1))


def test_a_plain_word_is_a_text_only_where_that_is_allowed() -> None:
    assert parse_cell("高, 低", "text", bare_words=True) == parse_cell('"高","低"', "text")
    with pytest.raises(CellRefused, match="不是 text"):
        parse_cell("高", "text")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", "number", "空的单元格"),
        ("18岁", "number", "多出 '岁'"),
        ("≥18", "number", "读不懂"),
        ("＞18", "number", "全角"),
        ("[1，2]", "number", "全角"),
        ("[3..1]", "number", "是空的"),
        ("(1..1]", "number", "是空的"),
        ("[1..3", "number", "没有写完"),
        ('<"a"', "text", "不能比较大小"),
        ('"没关上', "text", "读不懂"),
        ("true", "number", "不是 number"),
        ("true", "text", "不是 text"),
        ("1e5", "number", "多出"),
        ("1,,2", "number", "不是 number"),
        ("not(1", "number", "没有写完"),
        ("not 1", "number", "此处应为"),
        ("< null", "number", "不能是 null"),
        ("9007199254740992", "number", r"2\^53"),
        ("0.1234567890123456", "number", "位有效数字"),
        ("0.10000000000000000000000000000000000001", "number", "位有效数字"),
        ('date("2026-02-30")', "date", "不是日期"),
        (", ".join(map(str, range(21))), "number", "最多 20"),
        ("5" * 5000, "number", "个字符"),
        ('"' + "长" * 400 + '"', "text", "字节"),
        ("x.y", "number", "不是 number"),
        ("sum(1)", "number", "不是 number"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text: str, kind: Kind, said: str) -> None:
    with pytest.raises(CellRefused, match=said) as refused:
        parse_cell(text, kind, bare_words=True)
    assert refused.value.remedy


def test_escapes_of_a_text_are_those_of_feel() -> None:
    assert parse_value(r'"\u5c0f \U01F600 \"a\" \\ \n"', "text") == '小 😀 "a" \\ \n'


def test_an_output_is_one_constant() -> None:
    assert parse_value("98.83", "number") == D("98.83")
    assert parse_value("null", "text") is None
    with pytest.raises(CellRefused, match="多出"):
        parse_value("1, 2", "number")
    with pytest.raises(CellRefused, match="没有写结果"):
        parse_value("-", "number")


numbers = st.decimals(-1000, 1000, places=2)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low, high = sorted(draw(st.tuples(numbers, numbers)))
    match draw(st.integers(0, 2)):
        case 0:
            return Range(None, False, high, draw(st.booleans()))
        case 1:
            return Range(low, draw(st.booleans()), None, False)
    if low == high:
        return Range(low, True, high, True)
    return Range(low, draw(st.booleans()), high, draw(st.booleans()))


texts = st.text(max_size=8)
scalars: st.SearchStrategy[Scalar] = st.one_of(st.none(), texts)


@settings(deadline=None)
@given(st.lists(st.one_of(ranges(), numbers.map(Equal)), max_size=4, unique=True), st.booleans())
def test_a_cell_written_and_read_again_is_the_same(parts: list[Range | Equal], no: bool) -> None:
    cell = Cell(tuple(parts), no and bool(parts))
    assert parse_cell(spelled_cell(cell), "number") == cell


@settings(deadline=None)
@given(st.lists(scalars.map(Equal), min_size=1, max_size=4, unique=True), st.booleans())
def test_a_text_cell_written_and_read_again_is_the_same(parts: list[Equal], no: bool) -> None:
    cell = Cell(tuple(parts), no)
    assert parse_cell(spelled_cell(cell), "text") == cell


@settings(deadline=None)
@given(st.text(max_size=30), st.sampled_from(["text", "number", "boolean", "date"]))
def test_any_text_is_read_or_refused(text: str, kind: Kind) -> None:
    try:
        parse_cell(text, kind, bare_words=True)
    except CellRefused as refused:
        assert str(refused)
        assert refused.remedy
