"""The plan's numbers as they are shown against a second count from the log's orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, Engine, select

from audit.shards import all_entries
from audit.tables import audit_outbox, audit_stream
from cases import plan_book
from cases.database import reading
from cases.plan.figures import Figure, value_of
from cases.plan_recount import Days, Entry, recount
from catalogue.kpis import Kpi, Kpis

STREAMS: Final = ("case:", "incident:", "project:", "fund:", "plan:")
"""Starts of the streams whose orders the numbers are made of."""


@dataclass(frozen=True, slots=True)
class Both:
    """One number, shown and counted again; None: there is nothing to count."""

    kpi: Kpi
    shown: Figure | None
    counted: Figure | None

    @property
    def equal(self) -> bool:
        return self.shown == self.counted

    def as_json(self) -> dict[str, Any]:
        def said(one: Figure | None) -> dict[str, Any] | None:
            if one is None:
                return None
            value = value_of(self.kpi, one.numerator, one.denominator)
            return {
                "numerator": one.numerator, "denominator": one.denominator,
                "on": one.on.isoformat(), "value": None if value is None else str(value),
            }  # fmt: skip

        return {
            "kpi": self.kpi.code, "own": self.kpi.own, "equal": self.equal,
            "shown": said(self.shown), "counted": said(self.counted),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Every number, and the orders that are not what the log binds."""

    numbers: tuple[Both, ...]
    faults: tuple[str, ...]
    orders: int
    """Orders that the count was made of."""

    @property
    def sound(self) -> bool:
        return not self.faults and all(one.equal for one in self.numbers)


def compared(
    cases: Engine,
    log: Engine,
    calendars: Mapping[str, Days],
    kpis: Kpis,
    zone: str,
    now: datetime,
) -> Compared:
    """Count every number twice at one moment of the rows. Blocks no writer."""
    on = now.astimezone(ZoneInfo(zone)).date()
    with reading(cases) as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        # The rows' moment first: what was drained before it is in the log by now.
        entries = dict(_entries(connection, log))
        shown = plan_book.lines(connection, kpis, zone, now)
        again = recount(connection, entries, calendars, kpis, zone, on, now)
    numbers = tuple(
        Both(one.kpi, one.figure, again.figures.get(one.kpi.code)) for one in shown
    )  # fmt: skip
    return Compared(numbers, tuple(again.faults), again.orders)


def _entries(connection: Connection, log: Engine) -> Iterator[tuple[str, Entry]]:
    """Yield id and words of every settled order that the rows of this moment know of."""
    stream, waiting = audit_stream.c, audit_outbox.c
    query = select(stream.stream, stream.seq)
    heads = {row.stream: row.seq for row in connection.execute(query)}
    for row in connection.execute(select(waiting.stream, waiting.body)):
        yield from _said(row.stream, bytes(row.body))
    for entry in all_entries(log):
        if entry.stream_seq <= heads.get(entry.stream, 0):
            yield from _said(entry.stream, entry.body)


def _said(stream: str, stored: bytes) -> Iterator[tuple[str, Entry]]:
    if not stored or not stream.startswith(STREAMS):
        return  # a purged body says nothing any more, and its rows are gone
    body = orjson.loads(stored)
    if body["res"] == "ok" and body.get("after") is not None:
        at = datetime.fromisoformat(body["t"])
        yield body["id"], Entry(body["act"], at, body["after"], body.get("why", ""))
