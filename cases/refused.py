"""What was refused: dispatches that a unit sent back, how they were ruled on, and orders of cases.

Rows of incidents are cut by the reader's condition on incidents, rows of orders by that on cases.
A refusal that found no case has no row here: it is an entry of the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, literal, select

from cases.counting import within
from cases.each_case import asked_each
from cases.incident_tables import incident, incident_event
from cases.messages import Outcome
from cases.months import Span, span_of
from cases.tables import case, command

MOST_ORDERS: Final = 5_000
"""Of so many refused orders, the newest of the span, the reasons are counted; more is said so."""


@dataclass(frozen=True, slots=True)
class RefusedQuery:
    """Filters; they live in the address. Months are 2026-11."""

    first: str
    last: str
    code: str = ""
    """Reason of a refused order; empty: any."""
    page: int = 1


@dataclass(frozen=True, slots=True)
class SentBack:
    """One dispatch that a unit refused, and what became of it."""

    incident_id: str
    number: str
    title: str
    type: str
    unit: str
    ground: str
    at: datetime
    ruling: str
    """`stands`, `moves`, or empty: nobody has ruled, and nobody needs to where another was sent."""
    to: str
    ruled_at: datetime | None
    waiting: bool
    """It was the second refusal of this incident and waits for the arbiter."""


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """One order that was answered with a final no."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    department: str
    verb: str
    at: datetime
    code: str
    reason: str
    basis: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused in the months asked for."""

    sent_back: tuple[SentBack, ...]
    orders: tuple[RefusedOrder, ...]
    """A page of them, the newest first."""
    total: int
    """How many orders there are under the filters."""
    by_code: Mapping[str, tuple[int, str]]
    """Reason → how many orders, and a sentence of one of them; whatever the filters."""
    counted: int
    """Of how many orders the reasons were counted."""


def refused(
    connection: Connection,
    cases: ColumnElement[bool],
    incidents: ColumnElement[bool],
    query: RefusedQuery,
    zone: str,
    size: int,
) -> Refused:
    """Return what was refused. Raises `NoMonth`."""
    span = span_of(query.first, query.last, zone)
    orders = _orders(connection, cases, span)
    by_code: dict[str, tuple[int, str]] = {}
    for one in orders:
        n, reason = by_code.get(one.code, (0, one.reason))
        by_code[one.code] = n + 1, reason
    chosen = [one for one in orders if query.code in ("", one.code)]
    start = (query.page - 1) * size
    return Refused(
        tuple(_sent_back(connection, incidents, span)),
        tuple(chosen[start : start + size]),
        len(chosen),
        dict(sorted(by_code.items(), key=lambda pair: (-pair[1][0], pair[0]))),
        len(orders),
    )


_IS_REFUSED: Final = command.c.status == literal("refused", literal_execute=True)
"""As the index says it: a bound word would not be known to be the same."""


def _orders(connection: Connection, where: ColumnElement[bool], span: Span) -> list[RefusedOrder]:
    query = (
        select(
            command.c.case_id, case.c.case_no, case.c.matter, case.c.matter_name,
            case.c.department, command.c.verb, command.c.recorded_at, command.c.outcome,
        )
        .select_from(command.join(case, case.c.id == command.c.case_id))
        .where(_IS_REFUSED, within(command.c.recorded_at, span), asked_each(where))
        .order_by(command.c.recorded_at.desc(), command.c.id)
        .limit(MOST_ORDERS)
    )  # fmt: skip
    found = []
    for row in connection.execute(query):
        answer = Outcome.model_validate_json(row[7])
        found.append(RefusedOrder(*row[:7], answer.code, answer.reason, answer.basis))
    return found


def _sent_back(
    connection: Connection, where: ColumnElement[bool], span: Span
) -> Sequence[SentBack]:
    """Return the refusals of the span, the newest first, each with the ruling that came after."""
    concerned = (
        select(incident_event.c.incident_id)
        .join(incident, incident.c.id == incident_event.c.incident_id)
        .where(
            incident_event.c.kind == "refuse_dispatch",
            within(incident_event.c.recorded_at, span),
            where,
        )
    )
    query = (
        select(
            incident_event.c.incident_id, incident.c.number, incident.c.title, incident.c.type,
            incident.c.is_open, incident_event.c.kind, incident_event.c.at,
            incident_event.c.recorded_at, incident_event.c.said,
        )
        .select_from(incident_event.join(incident, incident.c.id == incident_event.c.incident_id))
        .where(
            incident_event.c.incident_id.in_(concerned),
            incident_event.c.kind.in_(("refuse_dispatch", "arbitrate")),
        )
        .order_by(incident_event.c.incident_id, incident_event.c.seq)
    )  # fmt: skip
    found: list[SentBack] = []
    steps: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        steps.setdefault(row.incident_id, []).append(row)
    for rows in steps.values():
        found += _of_one(rows, span)
    return sorted(found, key=lambda one: one.at, reverse=True)


def _of_one(rows: Sequence[Any], span: Span) -> Sequence[SentBack]:
    found = []
    for place, row in enumerate(rows):
        if row.kind != "refuse_dispatch":
            continue
        said = orjson.loads(row.said)
        ruling, after = _ruling(rows[place + 1 :], str(said.get("unit", "")))
        if span.since <= row.recorded_at < span.until:
            found.append(
                SentBack(
                    row.incident_id, row.number, row.title, row.type, str(said.get("unit", "")),
                    str(said.get("ground", "")), row.at, str(ruling.get("ruling", "")),
                    str(ruling.get("to", "")), after,
                    waiting=not ruling and row.is_open and int(said.get("count", 0)) >= DISPUTED,
                )
            )  # fmt: skip
    return found


DISPUTED: Final = 2
"""From the second refusal of an incident on the arbiter rules (YCYX-15)."""


def _ruling(rows: Sequence[Any], unit: str) -> tuple[Mapping[str, Any], datetime | None]:
    """Return what the arbiter said about this refusal of the unit, and when."""
    for row in rows:
        said = orjson.loads(row.said)
        if said.get("unit") != unit:
            continue
        if row.kind == "arbitrate":
            return said, row.at
        break  # it refused again: what is ruled later is about that
    return {}, None
