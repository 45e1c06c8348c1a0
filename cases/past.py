"""The past as a replay reads it: rulings with their sealed contexts, cases with their clock events.

Each page is read by itself, so that no reader holds on to the store for minutes. Only what was
recorded by the end of the span is seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, and_, func, or_, select, tuple_

from cases import card_tables, tables
from cases.case_view import clock_event_of
from cases.database import reading
from cases.dossier import DossierSpan, Watermark
from cases.queries import Opener
from cases.rulings import Fired, Ruling
from cases.state import CaseState, ClockEvent
from cases.store import place

PAGE = 200


@dataclass(frozen=True, slots=True)
class PastRuling:
    """A ruling of a step, as it was made."""

    case_id: str
    case_no: str
    seq: int
    department: str
    role: str
    ruling: Ruling | None
    """None: the person's data was erased, and with it what the rules were asked."""


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card as its row tells it."""

    number: str
    rule: str
    level: str
    clock: str
    since: datetime | None
    at: datetime
    by_hand: bool


@dataclass(frozen=True, slots=True)
class KeptClock:
    """A clock of a case as its row tells it: when it ends, and when it did."""

    key: str
    due_at: datetime | None
    ended_at: datetime | None
    calendar_version: str


@dataclass(frozen=True, slots=True)
class PastCase:
    """A case with all that its clocks and cards follow from."""

    case_id: str
    case_no: str
    state: CaseState
    events: tuple[ClockEvent, ...]
    cards: tuple[IssuedCard, ...]
    clocks: tuple[KeptClock, ...]
    is_whole: bool
    """Nothing was recorded of it after the end of the span: its rows are those of the span."""


def watermark(engine: Engine, span: DossierSpan) -> Watermark:
    """Return how much of the past there is."""
    at = tables.step.c.recorded_at
    query = select(func.count(), func.max(at)).where(at > span.since, at <= span.until)
    with reading(engine) as connection:
        steps, newest = connection.execute(query).one()
    return Watermark(steps=steps, recorded_at=newest)


def rulings(
    engine: Engine, pack: str, span: DossierSpan, opened: Opener
) -> Iterator[list[PastRuling]]:
    """Yield the rulings of a pack in the span, a page at a time, by case and step."""
    last = ("", 0, "")
    while True:
        with reading(engine) as connection:
            rows = connection.execute(_rulings(pack, span, last)).all()
        if not rows:
            return
        yield list(_opened(rows, opened))
        last = (rows[-1].case_id, rows[-1].seq, rows[-1].role)


def _rulings(pack: str, span: DossierSpan, last: tuple[str, int, str]) -> Select[Any]:
    one, step, case = tables.ruling.c, tables.step.c, tables.case.c
    return (
        select(tables.ruling, case.case_no, case.department)
        .join(tables.step, and_(step.case_id == one.case_id, step.seq == one.seq))
        .join(tables.case, case.id == one.case_id)
        .where(
            one.pack == pack,
            step.recorded_at > span.since,
            step.recorded_at <= span.until,
            tuple_(one.case_id, one.seq, one.role) > tuple_(*last),
        )
        .order_by(one.case_id, one.seq, one.role)
        .limit(PAGE)
    )


def _opened(rows: Sequence[Any], opened: Opener) -> Iterator[PastRuling]:
    sealed = [
        (
            row.subject,
            row.context_sealed,
            place("ruling", "context", row.case_id, row.seq, row.role),
        )
        for row in rows
    ]
    for row, context in zip(rows, opened(sealed), strict=True):
        ruling = None
        if context is not None:
            ruling = Ruling(
                pack=row.pack,
                version=row.version,
                digest=row.digest,
                engine=row.engine,
                context=orjson.loads(context),
                fired=tuple(Fired.model_validate(one) for one in orjson.loads(row.fired)),
                outcome=orjson.loads(row.outcome),
            )
        yield PastRuling(row.case_id, row.case_no, row.seq, row.department, row.role, ruling)


def cases(engine: Engine, span: DossierSpan, matter: str = "") -> Iterator[list[PastCase]]:
    """Yield the cases on which anything happened in the span, or which are open, a page at a time.

    `matter`: only cases of this matter, whatever its version.
    """
    last = ""
    while True:
        with reading(engine) as connection:
            page = _page(connection, span, matter, last)
        if not page:
            return
        yield page
        last = page[-1].case_id


def _page(connection: Connection, span: DossierSpan, matter: str, last: str) -> list[PastCase]:
    case, state = tables.case.c, tables.state.c
    query = (
        select(case.id, case.case_no, case.last_at, state.state)
        .join(tables.state, state.case_id == case.id)
        .where(
            case.id > last,
            case.received_at <= span.until,
            or_(case.is_open, case.last_at > span.since),
            *((case.matter == matter,) if matter else ()),
        )
        .order_by(case.id)
        .limit(PAGE)
    )
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    events, cards = _events(connection, ids, span), _cards(connection, ids, span)
    kept: dict[str, list[KeptClock]] = {}
    for row in connection.execute(select(tables.clock).where(tables.clock.c.case_id.in_(ids))):
        kept.setdefault(row.case_id, []).append(
            KeptClock(row.key, row.due_at, row.ended_at, row.calendar_version)
        )
    after = _recorded_after(connection, ids, span)
    return [
        PastCase(
            row.id,
            row.case_no,
            CaseState.model_validate_json(row.state),
            tuple(events[row.id]),
            tuple(cards[row.id]),
            tuple(kept.get(row.id, ())),
            row.id not in after,
        )
        for row in rows
    ]


def _events(
    connection: Connection, ids: Sequence[str], span: DossierSpan
) -> dict[str, list[ClockEvent]]:
    one, step = tables.clock_event.c, tables.step.c
    query = (
        select(tables.clock_event)
        .join(tables.step, and_(step.case_id == one.case_id, step.seq == one.seq))
        .where(one.case_id.in_(ids), step.recorded_at <= span.until)
        .order_by(one.case_id, one.seq, one.n)
    )
    told: dict[str, list[ClockEvent]] = defaultdict(list)
    for row in connection.execute(query):
        told[row.case_id].append(clock_event_of(row))
    return told


def _cards(
    connection: Connection, ids: Sequence[str], span: DossierSpan
) -> dict[str, list[IssuedCard]]:
    one = card_tables.card.c
    query = select(card_tables.card).where(
        one.case_id.in_(ids), one.at >= span.since, one.told_at <= span.until
    )
    found: dict[str, list[IssuedCard]] = defaultdict(list)
    for row in connection.execute(query.order_by(one.case_id, one.at, one.number)):
        found[row.case_id].append(
            IssuedCard(
                row.number, row.rule, row.level, row.clock, row.since, row.at, bool(row.issued_by)
            )
        )
    return found


def _recorded_after(connection: Connection, ids: Sequence[str], span: DossierSpan) -> set[str]:
    step = tables.step.c
    query = select(step.case_id).where(step.case_id.in_(ids), step.recorded_at > span.until)
    return set(connection.execute(query.distinct()).scalars())
