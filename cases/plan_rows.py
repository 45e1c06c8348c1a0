"""Rows of the plan's reports and snapshots, written whole in the caller's transaction, and read.

`plan_report.digests` names the digest of each column; its SHA-256 is the `after` of the report's
entry. A report that was corrected stays; the highest revision of a day stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select

from cases.plan.figures import Figure, Standing
from cases.plan.messages import Evidence, PlanReportAnswer, ReportFigure
from cases.plan_tables import plan_report, plan_snapshot
from cases.projection import Row, after_of, json_text, value_digest

HISTORY = 200
"""Reports of one number that a page shows."""


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report on its way into the store."""

    id: str
    command_id: str
    order_digest: str
    actor: str
    door: str
    body: ReportFigure
    revision: int
    recorded_at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as its row tells it."""

    id: str
    kpi: str
    on: date
    revision: int
    corrects: str
    actor: str
    department: str
    door: str
    numerator: int
    denominator: int
    note: str
    evidence: tuple[Evidence, ...]
    recorded_at: datetime
    entry_id: str

    @property
    def figure(self) -> Figure:
        return Figure(self.numerator, self.denominator, self.on)


@dataclass(frozen=True, slots=True)
class KeptValue:
    """One number in one quarter's snapshot."""

    quarter: str
    kpi: str
    on: date | None
    numerator: int | None
    denominator: int | None
    value: Fraction | None
    expected: Fraction | None
    light: str
    taken_at: datetime
    entry_id: str


# --- reports -------------------------------------------------------------------------------------


def put(connection: Connection, one: NewReport) -> str:
    """Write a report; return what its entry says as `after`. Never commits.

    Raises `IntegrityError` where another report of the number and day was faster.
    """
    row = _row(one)
    digests = json_text(digests_of(row))
    connection.execute(insert(plan_report).values(row | {"digests": digests}))
    return after_of(digests)


def digests_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what `plan_report.digests` says."""
    return {name: value_digest(value) for name, value in row.items() if name != "digests"}


def answered(connection: Connection, command_id: str) -> PlanReportAnswer | None:
    """Return the answer to a command that was settled before; None: it was not."""
    query = select(plan_report).where(plan_report.c.command_id == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return PlanReportAnswer(
        command_id=command_id, order_digest=row.order_digest, status="done", report=row.id,
        revision=row.revision, entry=row.entry_id, repeated=True,
    )  # fmt: skip


def standing_report(connection: Connection, kpi: str, on: date) -> KeptReport | None:
    """Return the report that stands for a number and day; None: none was made."""
    query = (
        select(plan_report)
        .where(plan_report.c.kpi == kpi, plan_report.c.on_day == on.isoformat())
        .order_by(plan_report.c.revision.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _kept(row)


def newest(connection: Connection, until: date, known_by: datetime) -> dict[str, KeptReport]:
    """Return the standing report of each number's newest day, as was known at an instant.

    Only days up to `until`; of reports that came after `known_by` nothing is seen.
    """
    one = plan_report.c
    place = func.row_number().over(
        partition_by=one.kpi, order_by=(one.on_day.desc(), one.revision.desc())
    )
    ranked = (
        select(plan_report, place.label("place"))
        .where(one.on_day <= until.isoformat(), one.recorded_at <= known_by)
        .subquery()
    )
    rows = connection.execute(select(ranked).where(ranked.c.place == 1))
    return {row.kpi: _kept(row) for row in rows}


def reports_of(connection: Connection, kpi: str, limit: int = HISTORY) -> list[KeptReport]:
    """Return a number's reports, the newest day first, of a day the standing one first."""
    query = (
        select(plan_report)
        .where(plan_report.c.kpi == kpi)
        .order_by(plan_report.c.on_day.desc(), plan_report.c.revision.desc())
        .limit(limit)
    )
    return [_kept(row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class WrongReport:
    """A row that is not what the log says, by column."""

    report: str
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongReport]:
    """Yield every report that differs from what its entry says. `said`: id → `after`."""
    there: dict[str, Row] = {
        row["id"]: dict(row) for row in connection.execute(select(plan_report)).mappings()
    }
    for key in sorted(said.keys() | there.keys()):
        if key not in there:
            yield WrongReport(key, "plan_report", "a row", "none")
        elif key not in said:
            yield WrongReport(key, "plan_report", "no row: the log has no entry", "a row")
        else:
            yield from _check_one(key, there[key], said[key])


def _check_one(key: str, row: Row, after: str) -> Iterator[WrongReport]:
    if (found := after_of(row["digests"])) != after:
        yield WrongReport(key, "digests", after, found)
    try:
        expected: dict[str, str] = orjson.loads(row["digests"])
    except orjson.JSONDecodeError:
        return
    now = digests_of(row)
    for name in sorted(expected.keys() | now.keys()):
        if expected.get(name) != now.get(name):
            yield WrongReport(key, name, expected.get(name, "none"), now.get(name, "none"))


# --- snapshots -----------------------------------------------------------------------------------


def is_taken(connection: Connection, quarter: str) -> bool:
    """Whether a quarter's values are kept already."""
    query = select(plan_snapshot.c.kpi).where(plan_snapshot.c.quarter == quarter).limit(1)
    return connection.execute(query).first() is not None


def keep_quarter(
    connection: Connection,
    quarter: str,
    found: Mapping[str, tuple[Figure | None, Standing]],
    at: datetime,
    entry_id: str,
) -> list[tuple[str, ...]]:
    """Write every number's value of a quarter; return the lines that its entry covers.

    Raises `IntegrityError` where another process was faster. Never commits.
    """
    rows = [
        {
            "quarter": quarter, "kpi": kpi,
            "on_day": "" if figure is None else figure.on.isoformat(),
            "numerator": None if figure is None else figure.numerator,
            "denominator": None if figure is None else figure.denominator,
            "value": _exact(standing.value), "expected": _exact(standing.expected),
            "light": standing.light, "taken_at": at, "entry_id": entry_id,
        }
        for kpi, (figure, standing) in sorted(found.items())
    ]  # fmt: skip
    connection.execute(insert(plan_snapshot), rows)
    return [snapshot_line(row) for row in rows]


def snapshot_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the entry of a snapshot covers of one number."""
    names = ("kpi", "on_day", "numerator", "denominator", "value", "expected", "light")
    return tuple("" if row[name] is None else str(row[name]) for name in names)


def kept_lines(connection: Connection) -> dict[str, list[tuple[str, ...]]]:
    """Return what the entry of each quarter covers, as its rows say it now."""
    query = select(plan_snapshot).order_by(plan_snapshot.c.quarter, plan_snapshot.c.kpi)
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["quarter"], []).append(snapshot_line(dict(row)))
    return found


def snapshots(
    connection: Connection, kpi: str = "", quarters: Sequence[str] = ()
) -> list[KeptValue]:
    """Return kept values by quarter, of one number or of all."""
    query = select(plan_snapshot).order_by(plan_snapshot.c.quarter, plan_snapshot.c.kpi)
    if kpi:
        query = query.where(plan_snapshot.c.kpi == kpi)
    if quarters:
        query = query.where(plan_snapshot.c.quarter.in_(list(quarters)))
    return [
        KeptValue(
            row.quarter, row.kpi, date.fromisoformat(row.on_day) if row.on_day else None,
            row.numerator, row.denominator, _read(row.value), _read(row.expected), row.light,
            row.taken_at, row.entry_id,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


# --- small ---------------------------------------------------------------------------------------


def _exact(value: Fraction | None) -> str:
    return "" if value is None else str(value)


def _read(text: str) -> Fraction | None:
    return Fraction(text) if text else None


def _row(one: NewReport) -> Row:
    body = one.body
    return {
        "id": one.id,
        "kpi": body.kpi,
        "on_day": body.on.isoformat(),
        "revision": one.revision,
        "corrects": body.corrects,
        "command_id": one.command_id,
        "order_digest": one.order_digest,
        "actor": one.actor,
        "department": body.department,
        "door": one.door,
        "numerator": body.numerator,
        "denominator": body.denominator,
        "note": body.note,
        "evidence": json_text([paper.model_dump() for paper in body.evidence]),
        "recorded_at": one.recorded_at,
        "entry_id": one.entry_id,
    }


def _kept(row: Any) -> KeptReport:
    return KeptReport(
        row.id, row.kpi, date.fromisoformat(row.on_day), row.revision, row.corrects, row.actor,
        row.department, row.door, row.numerator, row.denominator, row.note,
        tuple(Evidence.model_validate(one) for one in orjson.loads(row.evidence)),
        row.recorded_at, row.entry_id,
    )  # fmt: skip
