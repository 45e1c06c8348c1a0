"""Finding entries of the log: lines of the web store, a page at a time, the newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select

from cases.web_tables import log_line

ROWS = 50
"""Lines of a page."""


@dataclass(frozen=True, slots=True)
class LineQuery:
    """What is looked for; what is empty is not asked."""

    case_id: str = ""
    who: Collection[str] | None = None
    """Pseudonyms; None: anybody's; empty: somebody whom nobody knows, so nothing is found."""
    acts: Collection[str] = ()
    result: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    before: int = 0
    """Only lines older than this one, so that a page costs the same wherever it lies; 0: newest."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where the entry stands, and what it is found by. `n` grows with time."""

    n: int
    origin: str
    seq: int
    entry_id: str
    at: datetime
    act: str
    res: str
    who: str
    case_id: str


def known_until(connection: Connection, origin: str) -> int:
    """Return how many entries of this log have a line: the next is at this index."""
    last = select(func.max(log_line.c.seq)).where(log_line.c.origin == origin)
    found = connection.execute(last).scalar()
    return 0 if found is None else int(found) + 1


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write lines, in the order of the log."""
    if rows:
        connection.execute(insert(log_line), list(rows))


def forget(connection: Connection, entry_ids: Sequence[str]) -> None:
    """Take the lines of purged entries out, in the caller's transaction."""
    for start in range(0, len(entry_ids), 500):  # bound variables per statement
        some = log_line.c.entry_id.in_(entry_ids[start : start + 500])
        connection.execute(delete(log_line).where(some))


def search(connection: Connection, query: LineQuery) -> tuple[Sequence[Line], bool]:
    """Return a page of lines, the newest first, and whether older ones follow."""
    chosen = _chosen(query).order_by(log_line.c.n.desc()).limit(ROWS + 1)
    found = [Line(**row._mapping) for row in connection.execute(chosen)]
    return found[:ROWS], len(found) > ROWS


def acts(connection: Connection) -> Sequence[str]:
    """Return every act that has a line. Skips from act to act along the index."""
    found: list[str] = []
    while True:
        following = select(func.min(log_line.c.act))
        if found:
            following = following.where(log_line.c.act > found[-1])
        act = connection.execute(following).scalar()
        if act is None:
            return found
        found.append(act)


def _chosen(query: LineQuery) -> Select[Any]:
    table = log_line.c
    chosen = select(log_line)
    if query.case_id:
        chosen = chosen.where(table.case_id == query.case_id)
    if query.who is not None:
        chosen = chosen.where(table.who.in_(sorted(query.who)))
    if query.acts:
        chosen = chosen.where(table.act.in_(sorted(query.acts)))
    if query.result:
        chosen = chosen.where(table.res == query.result)
    if query.since is not None:
        chosen = chosen.where(table.at >= query.since)
    if query.until is not None:
        chosen = chosen.where(table.at < query.until)
    if query.before:
        chosen = chosen.where(table.n < query.before)
    return chosen
