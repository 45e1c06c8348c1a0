"""Spreadsheets: texts stay texts, money keeps its fen, the same table is the same file."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.spreadsheet import MOST_EXACT, Cell, Fen, Sheet, workbook, yuan

ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def made(*rows: list[Cell], head: tuple[str, ...] = ("甲",)) -> bytes:
    return workbook([Sheet("表", head, rows)], AT, ZONE)


def parts(content: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {
            name: ElementTree.fromstring(file.read(name))
            for name in file.namelist()
            if name.endswith(".xml")
        }


def cells(content: bytes) -> list[list[str]]:
    """Return what stands in the cells, texts as texts, by the standard's own parts."""
    found = parts(content)
    strings = [
        "".join(t.text or "" for t in one.iter(f"{NS}t"))
        for one in found["xl/sharedStrings.xml"].iter(f"{NS}si")
    ]
    rows = []
    for row in found["xl/worksheets/sheet1.xml"].iter(f"{NS}row"):
        line = []
        for cell in row.iter(f"{NS}c"):
            value = cell.findtext(f"{NS}v") or ""
            line.append(strings[int(value)] if cell.get("t") == "s" else value)
        rows.append(line)
    return rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "http://x.test/", "007", "\t=1"])
def test_a_text_that_looks_like_a_formula_a_link_or_a_number_stays_a_text(text: str) -> None:
    content = made([text])
    sheet = parts(content)["xl/worksheets/sheet1.xml"]
    assert sheet.find(f".//{NS}f") is None
    assert sheet.find(f".//{NS}hyperlink") is None
    assert cells(content)[1] == [text]


@settings(max_examples=60, deadline=None)
@given(st.integers(-MOST_EXACT, MOST_EXACT))
def test_the_fen_are_read_back_from_the_cell(amount: int) -> None:
    (read,) = cells(made([Fen(amount)]))[1]
    shown = Decimal(repr(float(read))).quantize(Decimal("0.01"), ROUND_HALF_UP)
    # Sixteen digits are what a file holds: beyond ten trillion yuan a fen may be the neighbour's.
    if abs(amount) <= 10**15:
        assert shown == Decimal(yuan(amount))
    assert abs(shown - Decimal(yuan(amount))) <= Decimal("0.01")


@pytest.mark.parametrize("amount", [MOST_EXACT, MOST_EXACT + 1])
def test_a_number_beyond_what_a_double_holds_is_a_text(amount: int) -> None:
    sheet = parts(made([amount]))["xl/worksheets/sheet1.xml"]
    kinds = [one.get("t") for one in sheet.iter(f"{NS}c")]
    assert kinds[1:] == (["s"] if amount > MOST_EXACT else [None])


def test_the_same_table_is_the_same_file() -> None:
    content = made(["x", 1], head=("a", "b"))
    assert content == made(["x", 1], head=("a", "b"))
    said = "".join(parts(content)["docProps/core.xml"].itertext())
    assert said.count("2026-11-27T08:00:00Z") == 2, "no other instant stands in it"


def test_a_day_and_an_instant_are_numbers_of_the_legal_zone() -> None:
    day, moment = cells(made([date(2026, 11, 27), AT], head=("a", "b")))[1]
    assert day == "46353"
    assert float(moment) == pytest.approx(46353 + 16 / 24, abs=1e-6)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="row of 2 cells"):
        made(["x", "y"])


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "0.00"), (5, "0.05"), (-105, "-1.05"), (10**13, "100000000000.00")]
)
def test_fen_as_yuan(amount: int, said: str) -> None:
    assert yuan(amount) == said
