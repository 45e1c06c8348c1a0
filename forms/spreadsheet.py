"""Tables as spreadsheets (XLSX): what an auditor opens, sums, sorts. No formula, macro or link.

XlsxWriter is written for writing alone and needs nothing else; reading is not wanted here. A text
that begins like a formula stays a text. The same tables make the same bytes, so that a digest of
the file can be checked by making it again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

MEDIA: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_EXACT: Final = 2**53
"""Beyond it a spreadsheet's number would be rounded: it is written as text instead."""
MOST_NAME: Final = 31
"""Characters of a sheet's name (XLSX)."""


@dataclass(frozen=True, slots=True)
class Fen:
    """Money, in fen: shown as yuan with two decimals."""

    amount: int


Cell = str | int | date | datetime | Fen | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `head` names its columns; every row has as many cells."""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    above: Sequence[str] = field(default=())
    """Lines above the head: label, who took it out and when."""


def workbook(sheets: Sequence[Sheet], made_at: datetime, zone: ZoneInfo) -> bytes:
    """Return the file. Instants are written in `zone`, without an offset.

    Raises `ValueError` for a row that is longer or shorter than its head.
    """
    out = io.BytesIO()
    book = Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    book.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
    styles = _Styles(
        head=book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        day=book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
        moment=book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"}),
        money=book.add_format({"num_format": "#,##0.00"}),
    )
    for sheet in sheets:
        _write(book.add_worksheet(_name(sheet.name)), sheet, styles, zone)
    book.close()
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Styles:
    head: Format
    day: Format
    moment: Format
    money: Format


def _write(page: Worksheet, sheet: Sheet, styles: _Styles, zone: ZoneInfo) -> None:
    for n, line in enumerate(sheet.above):
        page.write_string(n, 0, line)
    top = len(sheet.above)
    for column, word in enumerate(sheet.head):
        page.write_string(top, column, word, styles.head)
        page.set_column(column, column, _width(sheet, column))
    page.freeze_panes(top + 1, 0)
    page.repeat_rows(top)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    for n, row in enumerate(sheet.rows, top + 1):
        if len(row) != len(sheet.head):
            raise ValueError(f"row of {len(row)} cells under a head of {len(sheet.head)}")
        for column, cell in enumerate(row):
            _cell(page, n, column, cell, styles, zone)
    if sheet.rows:
        page.autofilter(top, 0, top + len(sheet.rows), len(sheet.head) - 1)


def _cell(
    page: Worksheet, n: int, column: int, cell: Cell, styles: _Styles, zone: ZoneInfo
) -> None:
    if cell is None:
        return
    if isinstance(cell, Fen):
        _money(page, n, column, cell.amount, styles)
    elif isinstance(cell, datetime):
        local = cell.astimezone(zone).replace(tzinfo=None)
        page.write_datetime(n, column, local, styles.moment)
    elif isinstance(cell, date):
        page.write_datetime(n, column, cell, styles.day)
    elif isinstance(cell, int) and abs(cell) <= MOST_EXACT:
        page.write_number(n, column, cell)
    else:
        page.write_string(n, column, str(cell))


def _money(page: Worksheet, n: int, column: int, amount: int, styles: _Styles) -> None:
    # Up to 2^53 fen the nearest double of the yuan shows the very fen at two decimals.
    if abs(amount) <= MOST_EXACT:
        page.write_number(n, column, amount / 100, styles.money)
    else:
        page.write_string(n, column, yuan(amount))


def yuan(amount: int) -> str:
    """Return fen as yuan with two decimals, without thousands."""
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def _width(sheet: Sheet, column: int) -> int:
    """Return a column's width: Chinese characters are two wide; never narrow, never endless."""
    texts = [sheet.head[column], *(row[column] for row in sheet.rows[:200] if len(row) > column)]
    most = max(sum(2 if ord(one) > 0x2E7F else 1 for one in str(text)) for text in texts)
    return min(max(most + 2, 12), 60)


def _name(name: str) -> str:
    """Return a name that XLSX allows."""
    return "".join("-" if one in "[]:*?/\\" else one for one in name)[:MOST_NAME] or "-"
