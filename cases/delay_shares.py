"""Whose the time was, by department and article: of clocks that ended in the months asked for.

Rows of `clock_share` are final: a clock's ledger changes no more once it has ended. Amounts are
working days by rule YC-FT-1; clocks counted in hours have no place in the sum. The article is that
by which the case's own version of its matter sets the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select
from sqlalchemy import case as when

from cases.counting import IN_DAYS, Question, within
from cases.longest_shares import how_many_shares, in_order, longest, of_ended_clock
from cases.months import Span, span_of
from cases.tables import case, clock, clock_share, matter_version
from cases.tallied import Tally
from cases.tally import BILLIONTHS
from catalogue.matters import Matter


@dataclass(frozen=True, slots=True)
class ShareQuery:
    """Filters; they live in the address. Months are 2026-11."""

    first: str
    last: str
    clock: str = "promised"
    """Which clock's time: `promised` or `statutory`; no other clock is divided."""
    matter: str = ""
    department: str = ""
    """Implementing department."""
    holder: str = ""
    """`kind:name` of whose time; empty: everybody's."""
    article: str = ""
    """Basis of the limit, as the matter names it; empty: any."""
    late: bool = False
    """Only clocks that ended late."""
    page: int = 1


@dataclass(frozen=True, slots=True)
class ShareLine:
    """What one holder used under one article."""

    kind: str
    """`department`, `applicant` or `procedure`."""
    name: str
    article: str
    clocks: int
    used: float
    paused: float
    """Days on which the clock stood on its account."""
    late_clocks: int
    late_used: float
    """Counted days in the clocks that ended late."""


@dataclass(frozen=True, slots=True)
class SharedClock:
    """One clock in which the holder had time."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    department: str
    key: str
    ended_at: datetime
    used: float
    paused: float
    whole: int
    """Counted days of the clock."""
    limit: int
    on_time: bool


def shares(
    connection: Connection,
    where: ColumnElement[bool],
    query: ShareQuery,
    zone: str,
    tally: Tally | None = None,
) -> Sequence[ShareLine]:
    """Return who used how much under which article, the most in late clocks on top, then the most.

    With `tally`, from its sums. Raises `NoMonth`.
    """
    if tally is not None:
        return _from_sums(connection, query, span_of(query.first, query.last, zone), tally)
    amount, stood, late = clock_share.c.amount, clock_share.c.paused, ~clock.c.on_time
    asked = (
        select(
            clock_share.c.holder_kind,
            clock_share.c.holder,
            case.c.matter_digest,
            func.count(clock_share.c.case_id.distinct()),
            func.sum(when((stood, 0.0), else_=amount)),
            func.sum(when((stood, amount), else_=0.0)),
            func.count(when((late, clock_share.c.case_id)).distinct()),
            func.sum(when((and_(late, ~stood), amount), else_=0.0)),
        )
        .select_from(_source())
        .where(_chosen(connection, where, query, zone))
        .group_by(clock_share.c.holder_kind, clock_share.c.holder, case.c.matter_digest)
    )
    articles = _articles(connection, query.clock)
    found: dict[tuple[str, str, str], list[float]] = {}
    for kind, name, digest, *amounts in connection.execute(asked):
        line = found.setdefault((kind, name, articles.get(digest, "")), [0, 0, 0, 0, 0])
        for n, one in enumerate(amounts):
            line[n] += float(one)
    return _lines(found)


def _from_sums(
    connection: Connection, query: ShareQuery, span: Span, tally: Tally
) -> Sequence[ShareLine]:
    question = Question(tally.seen.where, span, span.until, query.matter, query.department)
    articles = _articles(connection, query.clock)
    late = ("late_clocks", "late_used", "late_paused", "late_clocks", "late_used")
    names = late if query.late else ("clocks", "used", "paused", "late_clocks", "late_used")
    found: dict[tuple[str, str, str], list[float]] = {}
    for (kind, name, digest), numbers in tally.divided(question, query.clock).items():
        article = articles.get(digest, "")
        if query.holder not in ("", f"{kind}:{name}") or query.article not in ("", article):
            continue
        if not numbers.get(names[0]):
            continue
        line = found.setdefault((kind, name, article), [0, 0, 0, 0, 0])
        for n, one in enumerate(names):
            amount = numbers.get(one, 0)
            line[n] += amount if one.endswith("clocks") else amount / BILLIONTHS
    return _lines(found)


def _lines(found: Mapping[tuple[str, str, str], Sequence[float]]) -> list[ShareLine]:
    lines = [
        ShareLine(*who, int(clocks), used, paused, int(late_clocks), late_used)
        for who, (clocks, used, paused, late_clocks, late_used) in found.items()
    ]
    return sorted(lines, key=lambda one: (-one.late_used, -one.used, one.kind, one.name))


def shared_clocks(
    connection: Connection,
    where: ColumnElement[bool],
    query: ShareQuery,
    zone: str,
    size: int,
    tally: Tally | None = None,
) -> tuple[Sequence[SharedClock], int]:
    """Return the clocks in which the holder had time, the longest first, and how many there are.

    As many as the holder's line says. With `tally`, counted from its sums. Raises `NoMonth`.
    """
    kind, _, name = query.holder.partition(":")
    chosen = [
        clock_share.c.holder_kind == kind,
        clock_share.c.holder == name,
        of_ended_clock(clock, _chosen(connection, where, replace(query, holder=""), zone)),
    ]
    if tally is None:
        n = how_many_shares(connection, chosen)
    else:
        n = sum(one.clocks for one in shares(connection, where, query, zone, tally))
    page = longest(chosen, size, (query.page - 1) * size)
    this = and_(clock.c.case_id == page.c.case_id, clock.c.key == page.c.key)
    rows = connection.execute(
        select(
            case.c.id, case.c.case_no, case.c.matter, case.c.matter_name, case.c.department,
            clock.c.key, clock.c.ended_at, page.c.used, page.c.paused, clock.c.used,
            clock.c.limit_n, clock.c.on_time,
        )
        .select_from(page.join(clock, this).join(case, case.c.id == page.c.case_id))
        .order_by(*in_order(page))
    )  # fmt: skip
    return [
        SharedClock(*r[:7], float(r[7]), float(r[8]), int(r[9] or 0), int(r[10]), bool(r[11]))
        for r in rows
    ], n


def _articles(connection: Connection, clock: str) -> dict[str, str]:
    """Return the basis of the limit in each version of a matter; as many rows as versions."""
    rows = connection.execute(select(matter_version.c.digest, matter_version.c.matter))
    known = ((row.digest, Matter.model_validate_json(row.matter)) for row in rows)
    return {
        digest: (matter.statutory if clock == "statutory" else matter.promised).basis
        for digest, matter in known
    }


def _source() -> FromClause:
    same = and_(clock_share.c.case_id == clock.c.case_id, clock_share.c.key == clock.c.key)
    return clock.join(case, case.c.id == clock.c.case_id).join(clock_share, same)


def _chosen(
    connection: Connection, where: ColumnElement[bool], query: ShareQuery, zone: str
) -> ColumnElement[bool]:
    span = span_of(query.first, query.last, zone)
    parts = [
        where,
        clock.c.clock == query.clock,
        clock.c.limit_unit.in_(IN_DAYS),
        within(clock.c.ended_at, span),
    ]
    if query.matter:
        parts.append(case.c.matter == query.matter)
    if query.department:
        parts.append(case.c.department == query.department)
    if query.article:
        of = _articles(connection, query.clock)
        parts.append(case.c.matter_digest.in_([d for d, one in of.items() if one == query.article]))
    if query.late:
        parts.append(~clock.c.on_time)
    if query.holder:
        kind, _, name = query.holder.partition(":")
        parts += [clock_share.c.holder_kind == kind, clock_share.c.holder == name]
    return and_(*parts)
