"""How people look at the city's cases: windows over the log's lines, and what was found unusual.

The windows are SQL over the index of the log (`log_line`); the rules about them are a pack
(`rules/packs/access.yaml`). The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, func, insert, or_, select, update

from cases.web_tables import access_finding, log_line

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
READING = ("read", "list", "read_personal", "print", "print_card")
PAUSING = ("start_procedure", "start_wait")
NIGHT = (22, 6)
"""From this hour to that one, in the city's zone."""
KEPT_ENTRIES = 50
"""Entries that a finding names; the log has them all."""


@dataclass(frozen=True, slots=True)
class Acted:
    """One entry: who did it, about which case, when."""

    who: str
    case_id: str
    at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found unusual; `facts` are the numbers that the rule met."""

    id: str
    rule: str
    who: str
    pack: str
    facts: Mapping[str, Any]
    entries: Sequence[str]
    raised_at: datetime
    cleared_at: datetime | None = None


def windows(connection: Connection, now: datetime, zone: str) -> dict[str, dict[str, int]]:
    """Return per person what the windows that end now count; who did nothing is not there."""
    table, found = log_line.c, dict[str, dict[str, int]]()
    last_hour, last_day = table.at > now - HOUR, table.at > now - DAY
    reading = (table.act.in_(READING), table.res == "ok")
    denied = table.res == "deny"
    for name, what, where in (
        ("reads_hour", func.count(), (last_hour, *reading)),
        ("cases_day", func.count(table.case_id.distinct()),
         (last_day, *reading, table.case_id != "")),
        ("night_acts", func.count(), (_night(now, zone),)),
        ("denied_hour", func.count(), (last_hour, denied)),
    ):  # fmt: skip
        query = select(table.who, what).where(table.at <= now, *where).group_by(table.who)
        for who, n in connection.execute(query):
            found.setdefault(who, {})[name] = int(n)
    return found


def acted(
    connection: Connection, acts: Collection[str], since: datetime, until: datetime
) -> list[Acted]:
    """Return what was done by these acts, in the order of the log."""
    table = log_line.c
    query = (
        select(table.who, table.case_id, table.at, table.entry_id)
        .where(table.act.in_(sorted(acts)), table.res == "ok")
        .where(table.at > since, table.at <= until)
        .order_by(table.n)
    )
    return [Acted(*row) for row in connection.execute(query)]


def entries_of(connection: Connection, who: str, since: datetime, until: datetime) -> list[str]:
    """Return the newest entries of a person in a span, those that a finding names."""
    table = log_line.c
    query = (
        select(table.entry_id)
        .where(table.who == who, table.at > since, table.at <= until)
        .order_by(table.n.desc())
        .limit(KEPT_ENTRIES)
    )
    return list(connection.execute(query).scalars())


def _night(now: datetime, zone: str) -> Any:
    """Return the condition of the nights, in the city's zone, of the 24 hours that end now."""
    local, table = now.astimezone(ZoneInfo(zone)), log_line.c
    evening, morning = NIGHT
    spans = []
    for days in (1, 0):
        first = (local - timedelta(days=days)).replace(
            hour=evening, minute=0, second=0, microsecond=0
        )
        last = (first + timedelta(days=1)).replace(hour=morning)
        spans.append((table.at >= max(first, local - DAY)) & (table.at < last))
    return or_(*spans)


# --- findings ------------------------------------------------------------------------------------


def standing(connection: Connection) -> list[Finding]:
    """Return the findings that stand, the newest first."""
    return _findings(connection, access_finding.c.standing == 1)


def recent(connection: Connection, since: datetime) -> list[Finding]:
    """Return those that stand, and those cleared since then, the newest first."""
    table = access_finding.c
    return _findings(connection, or_(table.standing == 1, table.cleared_at >= since))


def _findings(connection: Connection, condition: Any) -> list[Finding]:
    table = access_finding
    query = select(table).where(condition).order_by(table.c.raised_at.desc(), table.c.id)
    return [
        Finding(
            row.id, row.rule, row.who, row.pack, orjson.loads(row.facts),
            orjson.loads(row.entries), row.raised_at, row.cleared_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def put(connection: Connection, one: Finding) -> None:
    """Keep a finding. Raises `IntegrityError` where one of its kind stands already."""
    connection.execute(
        insert(access_finding).values(
            id=one.id,
            rule=one.rule,
            who=one.who,
            pack=one.pack,
            facts=orjson.dumps(dict(one.facts)).decode(),
            entries=orjson.dumps(list(one.entries)).decode(),
            raised_at=one.raised_at,
            standing=1,
        )
    )


def clear(connection: Connection, finding: str, at: datetime) -> bool:
    """Note that a finding stands no longer; False when it did not."""
    table = access_finding
    cleared = connection.execute(
        update(table)
        .where(table.c.id == finding, table.c.standing == 1)
        .values(cleared_at=at, standing=None)
    )
    return cleared.rowcount == 1
