"""What the pages show of readings and their alarms. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Select, and_, func, select

from cases.readings_tables import (
    batch,
    dead_reading,
    reading_alarm,
    reading_alarm_event,
    reading_hour,
    series,
)
from cases.windows import MICRO

Standing = Literal["open", "cleared", "withdrawn", "all"]
PER_PAGE = 50
AROUND_HOURS = 48
"""Hours before an alarm that its chart shows; and after, as far as there are any."""
CHART_MOST = 24 * 14


@dataclass(frozen=True)
class ReadingAlarm:
    """An alarm as it stands. `value` is the item's own at the last thing that happened."""

    id: str
    level: str
    station: str
    item: str
    kind: str
    rule: str
    title: str
    basis: str
    pack: str
    version: str
    digest: str
    department: str
    raised_at: datetime
    updated_at: datetime
    cleared_at: datetime | None
    withdrawn: bool
    recorded_at: datetime
    value: float | None


@dataclass(frozen=True)
class Named:
    """An alarm with its names in the reader's language."""

    alarm: ReadingAlarm
    station: str
    item: str
    unit: str
    title: str
    article: str
    """How a document cites it."""
    department: str
    note: str
    """Of a rule that nobody has checked against the official text; empty: it was."""


@dataclass(frozen=True)
class Said:
    """One thing that was said of an alarm."""

    kind: str
    at: datetime
    level: str
    rule: str
    recorded_at: datetime
    context: Mapping[str, Any]
    """What the rules were asked; empty when the rule was no longer in force."""
    engine: str


@dataclass(frozen=True)
class DeadReadingLine:
    """A reading that was refused."""

    at: datetime
    subject: str
    place: int
    field: str
    reason: str
    remedy: str
    body: str


@dataclass(frozen=True)
class Pulse:
    """How the taking of readings fares."""

    last_at: datetime | None
    messages: int
    refused: int
    open_alarms: int


Means = tuple[str, list[tuple[datetime, float | None]]]
"""An item, and its hourly means in order; None where there is none."""


def hour_of(hour: int) -> datetime:
    """Return the instant at which an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def _chosen(query: Select[Any], state: Standing, level: str, station: str) -> Select[Any]:
    table = reading_alarm.c
    if state == "open":
        query = query.where(table.cleared_at.is_(None), table.withdrawn == 0)
    elif state == "cleared":
        query = query.where(table.cleared_at.is_not(None), table.withdrawn == 0)
    elif state == "withdrawn":
        query = query.where(table.withdrawn == 1)
    if level:
        query = query.where(table.level == level)
    if station:
        query = query.where(table.station == station)
    return query


_HERE = and_(
    series.c.station == reading_alarm.c.station,
    series.c.item == reading_alarm.c.item,
    series.c.kind == reading_alarm.c.kind,
)
_LAST = and_(
    reading_hour.c.series == series.c.id, reading_hour.c.hour == reading_alarm.c.updated_at
)


def alarms(
    connection: Connection, state: Standing, level: str, station: str, page: int
) -> tuple[list[ReadingAlarm], int]:
    """Return a page of alarms, open ones first and then the newest, and how many in all."""
    count = _chosen(select(func.count()).select_from(reading_alarm), state, level, station)
    total = int(connection.execute(count).scalar_one())
    query = _chosen(_whole(), state, level, station)
    ordered = query.order_by(
        reading_alarm.c.withdrawn,
        reading_alarm.c.cleared_at.is_not(None),
        reading_alarm.c.raised_at.desc(),
        reading_alarm.c.id,
    )
    rows = connection.execute(ordered.offset((page - 1) * PER_PAGE).limit(PER_PAGE))
    return [_alarm(row) for row in rows.mappings()], total


def _whole() -> Select[Any]:
    joined = reading_alarm.outerjoin(series, _HERE).outerjoin(reading_hour, _LAST)
    return select(reading_alarm, reading_hour.c.last, series.c.id.label("series")).select_from(
        joined
    )


def _alarm(row: Any) -> ReadingAlarm:
    cleared = row["cleared_at"]
    return ReadingAlarm(
        id=row["id"], level=row["level"], station=row["station"], item=row["item"],
        kind=row["kind"], rule=row["rule"], title=row["title"], basis=row["basis"],
        pack=row["pack"], version=row["version"], digest=row["digest"],
        department=row["department"], raised_at=hour_of(row["raised_at"]),
        updated_at=hour_of(row["updated_at"]),
        cleared_at=None if cleared is None else hour_of(cleared),
        withdrawn=bool(row["withdrawn"]), recorded_at=row["recorded_at"],
        value=None if row["last"] is None else row["last"] / MICRO,
    )  # fmt: skip


def alarm(
    connection: Connection, alarm_id: str
) -> tuple[ReadingAlarm, list[Said], list[Means]] | None:
    """Return an alarm, what was said of it in order, and the hourly means around it: of its item,
    or of each item of its station where the alarm is about the station as a whole."""
    row = connection.execute(_whole().where(reading_alarm.c.id == alarm_id)).mappings().first()
    if row is None:
        return None
    query = select(reading_alarm_event).where(reading_alarm_event.c.alarm_id == alarm_id)
    said = [_said(one) for one in connection.execute(query.order_by(reading_alarm_event.c.n))]
    one = series.c
    query_series = select(one.id, one.item).where(
        one.station == row["station"], one.kind == row["kind"], one.item != ""
    )
    if row["item"]:
        query_series = query_series.where(one.item == row["item"])
    charts = [
        (found.item, means)
        for found in connection.execute(query_series.order_by(one.item)).all()
        if (means := _around(connection, row, found.id))
    ]
    return _alarm(row), said, charts


def _said(row: Any) -> Said:
    ruling = orjson.loads(row.ruling) if row.ruling else {}
    context = {k: v for k, v in ruling.get("context", {}).items() if k != "at"}
    return Said(
        row.kind, hour_of(row.at), row.level, row.rule, row.recorded_at, context,
        ruling.get("engine", ""),
    )  # fmt: skip


def _around(connection: Connection, row: Any, number: int) -> list[tuple[datetime, float | None]]:
    first = row["raised_at"] - AROUND_HOURS
    last = min((row["cleared_at"] or row["updated_at"]) + AROUND_HOURS, first + CHART_MOST)
    query = select(reading_hour.c.hour, reading_hour.c.mean).where(
        reading_hour.c.series == number, reading_hour.c.hour.between(first, last)
    )
    means = {row.hour: row.mean for row in connection.execute(query)}
    if not means:
        return []
    return [
        (hour_of(hour), None if (mean := means.get(hour)) is None else mean / MICRO)
        for hour in range(min(means), max(means) + 1)
    ]


def dead(connection: Connection, page: int) -> tuple[list[DeadReadingLine], int]:
    """Return a page of refused readings, the newest first, and how many in all."""
    total = int(connection.execute(select(func.count()).select_from(dead_reading)).scalar_one())
    query = select(dead_reading).order_by(dead_reading.c.id.desc())
    rows = connection.execute(query.offset((page - 1) * PER_PAGE).limit(PER_PAGE))
    return [
        DeadReadingLine(r.at, r.subject, r.place, r.field, r.reason, r.remedy, r.body) for r in rows
    ], total


def pulse(connection: Connection) -> Pulse:
    """Return how the taking of readings fares."""
    last = connection.execute(select(batch).order_by(batch.c.n.desc()).limit(1)).first()
    refused = connection.execute(select(func.count()).select_from(dead_reading)).scalar_one()
    query = _chosen(select(func.count()).select_from(reading_alarm), "open", "", "")
    return Pulse(
        None if last is None else last.recorded_at,
        0 if last is None else last.n,
        int(refused),
        int(connection.execute(query).scalar_one()),
    )


def stations(connection: Connection) -> Sequence[str]:
    """Return the stations that ever had an alarm."""
    query = select(reading_alarm.c.station).distinct().order_by(reading_alarm.c.station)
    return list(connection.execute(query).scalars())


def standing_ruling(connection: Connection, alarm_id: str) -> tuple[str, str] | None:
    """Return the rule that stands, or stood last, and the ruling (JSON) that made it stand."""
    event = reading_alarm_event.c
    row = connection.execute(
        select(event.rule, event.ruling)
        .where(event.alarm_id == alarm_id, event.kind.in_(("raised", "updated")))
        .order_by(event.n.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.rule, row.ruling)
