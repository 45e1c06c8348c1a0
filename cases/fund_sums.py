"""What the journal's lines come to, asked of the database: by key and by month, only what is new.

`fund_rows.recomputed` says the same from the entries one by one, for `bin/yichuang fund verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, literal, select

from cases import fund as f
from cases.fund_rows import every_sum, year_key
from cases.fund_tables import SCOPES, fund_order, fund_total, journal_entry, journal_line

Key = tuple[str, str]
"""Scope and key of a row of totals."""


@dataclass(frozen=True, slots=True)
class Month:
    """What moved in a calendar month of the city."""

    allot_fen: int = 0
    paid_fen: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """The journal's sums up to an entry."""

    upto: int = 0
    """Number of the last entry that is counted."""
    debit_fen: int = 0
    credit_fen: int = 0
    sums: Mapping[Key, f.Sums] = field(default_factory=dict)
    """Without limits, and of a contract without what was allotted: the journal does not say it."""
    months: Mapping[tuple[str, date], Month] = field(default_factory=dict)
    """Project and first day of the month → what moved there."""
    gap: bool = False
    """A number between 1 and `upto` has no entry."""


def counted(connection: Connection, before: Books, zone: str) -> Books:
    """Return the sums with every entry that came since `before`."""
    last = _last(connection)
    if last <= before.upto:
        return before
    span = (journal_entry.c.seq > before.upto, journal_entry.c.seq <= last)
    numbers = select(func.count()).select_from(journal_entry).where(*span)
    found = connection.execute(numbers).scalar_one()
    sums, months = dict(before.sums), dict(before.months)
    debit, credit = before.debit_fen, before.credit_fen
    starts = _months(connection, span, zone)
    for row in connection.execute(_grouped(span, starts, zone)):
        # PostgreSQL gives sums of BIGINT as NUMERIC.
        debit, credit = debit + int(row.debit), credit + int(row.credit)
        amount = int(row.debit) - int(row.credit)
        for key in _keys(row):
            sums[key] = _with(sums.get(key, f.Sums()), row.account, amount)
        change, month = _with(f.Sums(), row.account, amount), (row.project, starts[row.month])
        known = months.get(month, Month())
        months[month] = Month(
            known.allot_fen + change.allotted_fen, known.paid_fen + change.paid_fen
        )
    gap = before.gap or found != last - before.upto
    return Books(last, debit, credit, sums, months, gap)


def differing(connection: Connection, books: Books) -> Iterator[str]:
    """Yield every row of totals that is not what the journal comes to, as `scope key`.

    A row that an entry behind `books.upto` has moved already is judged when that one is counted.
    """
    left = dict(books.sums)
    moved = {
        (row.scope, row.key)
        for row in connection.execute(
            select(fund_total.c.scope, fund_total.c.key).where(fund_total.c.last > books.upto)
        )
    }
    for scope in SCOPES:
        for key, sums in every_sum(connection, scope).items():
            made = left.pop((scope, key), f.Sums())
            allotted = sums.allotted_fen if scope == "contract" else made.allotted_fen
            expected = replace(made, limit_fen=sums.limit_fen, allotted_fen=allotted)
            if sums != expected and (scope, key) not in moved:
                yield f"{scope} {key}"
    yield from (f"{scope} {key}" for scope, key in left if (scope, key) not in moved)
    if books.gap:
        yield "journal seq"


def _last(connection: Connection) -> int:
    query = select(func.max(journal_entry.c.seq))
    return connection.execute(query).scalar_one() or 0


def _months(connection: Connection, span: tuple[ColumnElement[bool], ...], zone: str) -> list[date]:
    """Return the first days of the months that these entries fall into, without a gap."""
    at = fund_order.c.recorded_at
    query = (
        select(func.min(at, type_=at.type), func.max(at, type_=at.type))
        .join(journal_entry, journal_entry.c.order_id == fund_order.c.id)
        .where(*span)
    )
    first, last = connection.execute(query).one()
    return list(months_from(_day(first, zone), _day(last, zone)))


def months_from(first: date, last: date) -> Iterator[date]:
    """Yield the first day of each month from one day's to another's."""
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _grouped(span: tuple[ColumnElement[bool], ...], starts: list[date], zone: str) -> Select[Any]:
    entry, line, here = journal_entry.c, journal_line.c, ZoneInfo(zone)
    ends = [
        (fund_order.c.recorded_at < datetime.combine(after, time.min, here), literal(n))
        for n, (_, after) in enumerate(pairwise(starts))
    ]
    month = case(*ends, else_=len(starts) - 1) if ends else literal(0)
    by = (
        entry.project, entry.department, entry.budget_year, entry.contract_id, entry.fund_id,
        line.account, month.label("month"),
    )  # fmt: skip
    debit = func.sum(case((line.amount_fen > 0, line.amount_fen), else_=0))
    credit = func.sum(case((line.amount_fen < 0, -line.amount_fen), else_=0))
    return (
        select(*by, debit.label("debit"), credit.label("credit"))
        .join(journal_entry, entry.order_id == line.order_id)
        .join(fund_order, fund_order.c.id == entry.order_id)
        .where(*span)
        .group_by(*by[:-1], "month")
    )


def _keys(row: Row[Any]) -> Iterator[Key]:
    yield "fund", row.fund_id
    yield "project", row.project
    yield "year", year_key(row.budget_year, row.department, row.project)
    if row.contract_id:
        yield "contract", row.contract_id


def _with(sums: f.Sums, account: str, amount_fen: int) -> f.Sums:
    if account == "granted":
        return replace(sums, allotted_fen=sums.allotted_fen - amount_fen)
    if account == "advanced":
        return replace(sums, paid_fen=sums.paid_fen + amount_fen)
    if account == "retained":
        return replace(sums, retained_fen=sums.retained_fen + amount_fen)
    if account == "interest":
        return replace(sums, interest_fen=sums.interest_fen + amount_fen)
    if account == "used":
        used = sums.used_fen + amount_fen
        return replace(sums, used_fen=used, paid_fen=sums.paid_fen + amount_fen)
    return sums  # available: what balances the others
