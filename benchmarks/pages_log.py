"""An entry of the signed log for every copied case, and its line among those that pages search.

Of a copy the log has one entry, of its newest step: as the last one of a case that was lived
through, with ids of its own. It is chained, hashed and tiled as always; no signer seals its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, func, select

from audit.entry import NO_PREVIOUS, body_bytes
from audit.logstore import LogReader, NewEntry, append
from audit.merkle import leaf_hash
from audit.tables import audit_entry
from benchmarks.pages_copies import FIRST, PORTION
from cases.database import reading
from cases.tables import case, step
from yichuang.web_log import Finder

AT_ONCE: Final = 1_000
"""Bound variables per statement."""


def logged(cases: Engine, log: Engine, web: Engine) -> int:
    """Append an entry for each copy that has none, write their lines; return how many came."""
    with reading(log) as connection:
        known = _own(connection)
    added = 0
    for rows in _portions(cases):
        with log.begin() as connection:
            there = _there(connection, [row[-1] for row in rows])
            fresh = [row for row in rows if row[-1] not in there]
            entries = [_entry(known[n % len(known)], *row) for n, row in enumerate(fresh)]
            if entries:
                append(connection, LogReader(connection).state(), entries)
        added += len(entries)
    Finder(log, web).catch_up()
    return added


def _own(connection: Connection) -> list[dict[str, Any]]:
    """Return what the newest entry of each case says that was lived through."""
    newest = func.max(audit_entry.c.seq)
    query = (
        select(newest)
        .where(audit_entry.c.stream.like("case:%"), audit_entry.c.stream_seq > 1)
        .group_by(audit_entry.c.stream)
    )
    bodies = select(audit_entry.c.body).where(audit_entry.c.seq.in_(query)).order_by("seq")
    return [orjson.loads(bytes(one)) for one in connection.execute(bodies).scalars()]


def _portions(cases: Engine) -> Iterator[list[tuple[str, int, str]]]:
    """Yield id, newest step and its entry of every copy."""
    query = (
        select(case.c.case_no, case.c.id, step.c.seq, step.c.entry_id)
        .join(step, (step.c.case_id == case.c.id) & (step.c.seq == case.c.seq))
        .order_by(case.c.case_no)
        .limit(PORTION)
    )
    after = FIRST
    while True:
        beyond = (case.c.case_no > after, case.c.case_no < FIRST + "~")
        with reading(cases) as connection:
            rows = connection.execute(query.where(*beyond)).all()
        if not rows:
            return
        yield [(id, seq, entry_id) for _, id, seq, entry_id in rows]
        after = rows[-1][0]


def _there(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):
        some = audit_entry.c.entry_id.in_(ids[start : start + AT_ONCE])
        found |= set(connection.execute(select(audit_entry.c.entry_id).where(some)).scalars())
    return found


def _entry(pattern: Mapping[str, Any], case_id: str, seq: int, entry_id: str) -> NewEntry:
    stream = f"case:{case_id}"
    facts = {name: said for name, said in pattern.items() if name != "s"}
    facts |= {"id": entry_id, "obj": {"id": case_id, "step": str(seq), "type": "case"}}
    body = body_bytes(facts, stream, 1, NO_PREVIOUS)
    return (entry_id, stream, 1, leaf_hash(body), body)
