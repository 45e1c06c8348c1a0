"""The counts behind the metrics, from rows: one query per source, each grouped to the finest cell.

Who may see what is decided before: `where` is the condition over `case_file` that policy made of
the reader's rows. Works on SQLite and PostgreSQL alike; months are told apart by their instants in
the city's zone, never by a database's own idea of a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy import case as when

from cases.card_tables import card, card_mark
from cases.metrics import Cell
from cases.months import Span
from cases.tables import case, clock, clock_event, clock_share, matter_version
from catalogue.matters import Matter

ONLINE = ("computer", "mobile")
"""GB/T 39046-2020 A.5: channels in which nobody came to a window."""
DECIDED = ("decided", "closed")
"""Ends of the promised clock that are an 办结; a withdrawal or a refusal to accept is none."""
IN_DAYS = ("working_day", "on_the_spot")
"""Units whose amounts may be summed as working days."""

Counts = dict[Cell, dict[str, int]]


class Kept(Protocol):
    """Sums made ahead, as one reader sees them (`cases.tallied`): the same numbers as the rows'."""

    def counted(self, question: Question) -> Counts: ...
    def duties(self, question: Question) -> dict[str, dict[str, int]]: ...
    def shares(self, question: Question) -> dict[tuple[str, str, bool], float]: ...
    def late_now(self, question: Question) -> Mapping[tuple[str, str], int]: ...
    def steps_now(self, question: Question) -> Mapping[str, tuple[int, int]]: ...
    def by_day(self, question: Question, count: str) -> Mapping[tuple[str, str, str], int]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: whose rows, of which span, matter and department."""

    where: ColumnElement[bool]
    span: Span
    now: datetime
    matter: str = ""
    department: str = ""
    """Implementing department; empty: any."""
    kept: Kept | None = None
    """Sums to take instead of counting rows; of the reader whose condition `where` is."""

    def condition(self) -> ColumnElement[bool]:
        parts = [self.where]
        if self.matter:
            parts.append(case.c.matter == self.matter)
        if self.department:
            parts.append(case.c.department == self.department)
        return and_(*parts)


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows that are counted by an instant within the span, and which of them count as what.

    Figures are sums over these conditions and the lists behind them (`cases.drilled`) are the rows
    on which one holds, so that a number and its list cannot differ.
    """

    source: FromClause
    instant: ColumnElement[Any]
    only: ColumnElement[bool]
    counts: Mapping[str, ColumnElement[bool]]
    """Name of a count → the rows that it counts; `true()`: all."""
    case_id: ColumnElement[str]
    key: ColumnElement[str]
    """Clock whose ledger shows the row; of a card, the clock it was given for."""
    duty: ColumnElement[str]
    """Department that a row is put down to."""
    amounts: Mapping[str, tuple[ColumnElement[Any], ColumnElement[bool]]] = field(
        default_factory=dict
    )
    """Name of a sum → the amount of a row, and the rows that it adds up."""

    def totals(self) -> Iterator[ColumnElement[int]]:
        for name, condition in self.counts.items():
            every = condition is TRUE
            yield (func.count() if every else total(condition)).label(name)
        for name, (amount, condition) in self.amounts.items():
            yield _sum(amount, condition).label(name)


TRUE = true()


def counted(connection: Connection, question: Question) -> Counts:
    """Return every count of every cell: matter, implementing department, month."""
    if question.kept is not None:
        return _late_now(question, question.kept, question.kept.counted(question))
    found: Counts = {}
    spot = spot_digests(connection)
    figures: dict[str, int]
    for query in (
        _plain(rows, question) for rows in (ended(), received(spot), served(), rated(), cards())
    ):
        for row in connection.execute(query):
            values = row._mapping
            cell = (values["matter"], values["department"], values["month"])
            figures = found.setdefault(cell, {})
            for name, n in values.items():
                if name not in ("matter", "department", "month"):
                    figures[name] = figures.get(name, 0) + int(n or 0)
    for cell, figures in _in_hand(connection, question):
        found.setdefault(cell, {}).update(figures)
    return found


# --- pieces of SQL -------------------------------------------------------------------------------


def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the rows on which a condition holds."""
    return func.coalesce(func.sum(when((condition, 1), else_=0)), 0)


def _sum(amount: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(when((condition, amount), else_=0)), 0)


def by_month(instant: ColumnElement[Any], span: Span) -> ColumnElement[str]:
    """Return the month of an instant within the span, as the ladder of the months' beginnings."""
    steps = [(instant < until, literal(name)) for name, _, until in span.months[:-1]]
    last = literal(span.months[-1][0])
    return when(*steps, else_=last) if steps else last


def within(instant: ColumnElement[Any], span: Span) -> ColumnElement[bool]:
    return and_(instant >= span.since, instant < span.until)


def _grouped(
    source: Any, instant: ColumnElement[Any], question: Question, *counts: ColumnElement[int]
) -> Select[Any]:
    month = by_month(instant, question.span)
    return (
        select(case.c.matter, case.c.department, month.label("month"), *counts)
        .select_from(source)
        .where(within(instant, question.span), question.condition())
        .group_by(case.c.matter, case.c.department, month)
    )


_p = clock.alias("promised")
_s = clock.alias("statutory")


def ended() -> Counted:
    """Cases that were decided: by the promised clock, with the statutory one beside it."""
    in_days, law_in_days = _p.c.limit_unit.in_(IN_DAYS), _s.c.limit_unit.in_(IN_DAYS)
    both = and_(_s.c.case_id == _p.c.case_id, _s.c.key == "statutory")
    return Counted(
        _p.join(case, case.c.id == _p.c.case_id).outerjoin(_s, both),
        _p.c.ended_at,
        and_(_p.c.clock == "promised", _p.c.ended_by.in_(DECIDED)),
        {
            "closed": TRUE,
            "on_time_promised": _p.c.on_time,
            "late_ended": ~_p.c.on_time,
            "on_time_statutory": _s.c.on_time,
            "early": _p.c.remaining > 0,
            "closed_in_days": in_days,
            "with_procedure": _s.c.stops > 0,
        },
        _p.c.case_id,
        _p.c.key,
        case.c.department,
        {
            "promised_used": (_p.c.used, in_days),
            "promised_paused": (_p.c.paused, in_days),
            "statutory_used": (_s.c.used, law_in_days),
            "statutory_budget": (_s.c.budget, law_in_days),
        },
    )


def _plain(rows: Counted, question: Question) -> Select[Any]:
    return _grouped(rows.source, rows.instant, question, *rows.totals()).where(rows.only)


def received(spot: Sequence[str]) -> Counted:
    """Cases that came in, their channel, and how often they were asked for more.

    `spot`: digests of the versions of matters that are 即办件.
    """
    told = clock_event.c
    notices = (
        select(func.count())
        .where(told.kind == "noticed", told.case_id == case.c.id)
        .scalar_subquery()
    )
    return Counted(
        case,
        case.c.received_at,
        TRUE,
        {
            "received": TRUE,
            "online": case.c.channel.in_(ONLINE),
            "spot": case.c.matter_digest.in_(spot),
            "noticed": notices >= 1,
            "noticed_twice": notices >= 2,
        },
        case.c.id,
        literal("promised"),
        case.c.department,
    )


def served() -> Counted:
    """Cases whose decision was served: wholly online, or with how many visits."""
    d, told = clock.alias("delivery"), clock_event.c
    supplied = (
        select(func.count())
        .where(told.kind == "supplied", told.case_id == case.c.id)
        .scalar_subquery()
    )
    at_window = case.c.channel == "window"
    visits = when((at_window, supplied + 1), else_=0) + when(
        (d.c.ended_how == "direct", 1), else_=0
    )
    return Counted(
        d.join(case, case.c.id == d.c.case_id),
        d.c.ended_at,
        and_(d.c.clock == "delivery", d.c.ended_by == "delivered"),
        {
            "served": TRUE,
            "fully_online": and_(case.c.channel.in_(ONLINE), d.c.ended_how == "electronic"),
            "one_visit": visits <= 1,
        },
        d.c.case_id,
        d.c.key,
        case.c.department,
    )


def rated() -> Counted:
    """Cases whose time for rating ended: rated or not, and what became of the bad ones."""
    r, mending = clock.alias("rating"), clock.alias("rectify")
    by_applicant, bad = r.c.ended_by == "rated", case.c.grade >= 4
    called = exists().where(clock_event.c.kind == "called_back", clock_event.c.case_id == case.c.id)
    return Counted(
        r.join(case, case.c.id == r.c.case_id).outerjoin(
            mending, and_(mending.c.case_id == r.c.case_id, mending.c.key == "rectify")
        ),
        r.c.ended_at,
        r.c.clock == "rating",
        {
            "rating_ended": TRUE,
            "rated": by_applicant,
            "satisfied": and_(by_applicant, case.c.grade.between(1, 3)),
            "good": and_(by_applicant, case.c.grade.between(1, 2)),
            "bad": and_(by_applicant, bad),
            "rectified": and_(by_applicant, bad, mending.c.ended_at.is_not(None)),
            "rectified_on_time": and_(by_applicant, bad, mending.c.on_time),
            "called_back": and_(by_applicant, bad, called),
        },
        r.c.case_id,
        r.c.key,
        case.c.department,
    )


def _stands() -> ColumnElement[bool]:
    return ~exists().where(card_mark.c.number == card.c.number, card_mark.c.kind == "revoked")


def _settled() -> ColumnElement[bool]:
    return exists().where(card_mark.c.number == card.c.number, card_mark.c.kind == "accepted")


def cards() -> Counted:
    """Supervision cards by the instant at which they arose; revoked ones do not count."""
    asked = and_(card.c.level.in_(("yellow", "red")), card.c.explain_days > 0)
    return Counted(
        card.join(case, case.c.id == card.c.case_id),
        card.c.at,
        _stands(),
        {
            "reminders": card.c.level == "reminder",
            "warnings": card.c.level == "warning",
            "yellow": card.c.level == "yellow",
            "red": card.c.level == "red",
            "cards_asked": asked,
            "cards_settled": and_(asked, _settled()),
        },
        card.c.case_id,
        card.c.clock,
        card.c.department,
    )


def in_hand(end: datetime) -> Counted:
    """Cases that were being handled at an instant, by the promised clock, whenever that began."""
    still = or_(_p.c.ended_at.is_(None), _p.c.ended_at >= end)
    there = and_(_p.c.started_at < end, still)
    return Counted(
        _p.join(case, case.c.id == _p.c.case_id),
        _p.c.started_at,
        _p.c.clock == "promised",
        {"open": there, "late_open": and_(there, _p.c.due_at <= end)},
        _p.c.case_id,
        _p.c.key,
        case.c.department,
    )


def _in_hand(connection: Connection, question: Question) -> Iterator[tuple[Cell, dict[str, int]]]:
    """Yield what was being handled when each month ended (now, in the month that has not).

    One pass for all months: each is a pair of columns.
    """
    months = [one for one in question.span.months if one[1] <= question.now]
    columns = []
    for n, (_, _, until) in enumerate(months):
        at_end = in_hand(min(until, question.now)).counts
        columns += [
            total(at_end["open"]).label(f"open_{n}"),
            total(at_end["late_open"]).label(f"late_{n}"),
        ]
    if not months:
        return
    latest = or_(_p.c.ended_at.is_(None), _p.c.ended_at >= min(months[0][2], question.now))
    query = (
        select(case.c.matter, case.c.department, *columns)
        .select_from(_p.join(case, case.c.id == _p.c.case_id))
        .where(_p.c.clock == "promised", latest, question.condition())
        .group_by(case.c.matter, case.c.department)
    )
    for row in connection.execute(query).mappings():
        for n, (name, _, _) in enumerate(months):
            figures = {"open": int(row[f"open_{n}"]), "late_open": int(row[f"late_{n}"])}
            if figures["open"]:
                yield (row["matter"], row["department"], name), figures


def _late_now(question: Question, kept: Kept, found: Counts) -> Counts:
    """Add to kept sums what is late in the month that has not ended: it grows with the hour."""
    now = question.now
    this = next((name for name, since, until in question.span.months if since <= now < until), "")
    if not this:
        return found
    late = kept.late_now(question)
    for cell, figures in found.items():
        if cell[2] == this and "open" in figures:
            figures["late_open"] = late.get(cell[:2], 0)
    return found


def spot_digests(connection: Connection) -> list[str]:
    """Return the versions of matters that are 即办件; there are as many rows as versions."""
    rows = connection.execute(select(matter_version.c.digest, matter_version.c.matter))
    matters = ((row.digest, Matter.model_validate_json(row.matter)) for row in rows)
    return [digest for digest, matter in matters if matter.case_kind == "on_the_spot"]


# --- departments ---------------------------------------------------------------------------------


def steps(question: Question) -> Counted:
    """Review steps in anybody's cases: those that ended in the span, and those open now."""
    now = question.now
    over = within(clock.c.ended_at, question.span)
    open_ = clock.c.ended_at.is_(None)
    return Counted(
        clock.join(case, case.c.id == clock.c.case_id),
        clock.c.ended_at,
        and_(clock.c.clock == "step", or_(open_, over)),
        {
            "steps": over,
            "steps_on_time": and_(over, clock.c.on_time),
            "steps_in_days": and_(over, clock.c.limit_unit.in_(IN_DAYS)),
            "steps_open": open_,
            "steps_late": and_(open_, clock.c.due_at <= now),
        },
        clock.c.case_id,
        clock.c.key,
        clock.c.department,
    )


def ended_steps() -> Counted:
    """Review steps in anybody's cases that have ended, and the days that they used."""
    in_days = clock.c.limit_unit.in_(IN_DAYS)
    return Counted(
        clock.join(case, case.c.id == clock.c.case_id),
        clock.c.ended_at,
        and_(clock.c.clock == "step", clock.c.ended_at.is_not(None)),
        {"steps": TRUE, "steps_on_time": clock.c.on_time, "steps_in_days": in_days},
        clock.c.case_id,
        clock.c.key,
        clock.c.department,
        {"steps_used": (clock.c.used, in_days)},
    )


def steps_by_department(connection: Connection, question: Question) -> dict[str, dict[str, int]]:
    """Return each department's review steps: ended, in time, days used; open and late now."""
    if question.kept is not None:
        return _open_steps(question, question.kept, question.kept.duties(question))
    rows = steps(question)
    in_days = rows.counts["steps_in_days"]
    query = (
        select(rows.duty, *rows.totals(), _sum(clock.c.used, in_days).label("steps_used"))
        .select_from(rows.source)
        .where(rows.only, question.condition())
        .group_by(rows.duty)
    )
    return {
        row["department"]: {name: int(n or 0) for name, n in row.items() if name != "department"}
        for row in connection.execute(query).mappings()
    }


def _open_steps(
    question: Question, kept: Kept, ended: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Add to kept sums the steps that are open now."""
    found = {
        name: {one: numbers.get(one, 0) for one in STEP_SUMS}
        for name, numbers in ended.items()
        if numbers.get("steps")
    }
    for name, (n, late) in kept.steps_now(question).items():
        one = found.setdefault(name, dict.fromkeys(STEP_SUMS, 0))
        one |= {"steps_open": n, "steps_late": late}
    return found


STEP_SUMS = ("steps", "steps_on_time", "steps_in_days", "steps_used", "steps_open", "steps_late")


def cards_by_department(connection: Connection, question: Question) -> dict[str, dict[str, int]]:
    """Return how many yellow and red cards of the span stand against each department."""
    if question.kept is not None:
        return {
            name: {level: numbers.get(level, 0) for level in ("yellow", "red")}
            for name, numbers in question.kept.duties(question).items()
            if numbers.get("yellow") or numbers.get("red")
        }
    query = (
        select(
            card.c.department,
            total(card.c.level == "yellow").label("yellow"),
            total(card.c.level == "red").label("red"),
        )
        .select_from(card.join(case, case.c.id == card.c.case_id))
        .where(
            card.c.level.in_(("yellow", "red")),
            within(card.c.at, question.span),
            _stands(),
            question.condition(),
        )
        .group_by(card.c.department)
    )
    return {
        row[0]: {"yellow": int(row[1]), "red": int(row[2])} for row in connection.execute(query)
    }


def shares_by_holder(
    connection: Connection, question: Question
) -> dict[tuple[str, str, bool], float]:
    """Return whose the time of the decided cases was: (kind, name, paused) → working days."""
    if question.kept is not None:
        return question.kept.shares(question)
    query = (
        select(
            clock_share.c.holder_kind,
            clock_share.c.holder,
            clock_share.c.paused,
            func.sum(clock_share.c.amount),
        )
        .select_from(
            _p.join(case, case.c.id == _p.c.case_id).join(
                clock_share,
                and_(clock_share.c.case_id == _p.c.case_id, clock_share.c.key == "promised"),
            )
        )
        .where(
            _p.c.clock == "promised",
            _p.c.ended_by.in_(DECIDED),
            _p.c.limit_unit.in_(IN_DAYS),
            within(_p.c.ended_at, question.span),
            question.condition(),
        )
        .group_by(clock_share.c.holder_kind, clock_share.c.holder, clock_share.c.paused)
    )
    return {(row[0], row[1], bool(row[2])): float(row[3]) for row in connection.execute(query)}
