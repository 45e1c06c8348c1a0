"""Purging: bodies whose period is over go; places, leaves, tiles and proofs stay.

The entry is committed first, in the open shard's own outbox; then the bodies go, shard by shard, in
one transaction each. A crash in between leaves an entry whose bodies are still there, which the
verifier names; `unfinished` finds it and `carry_out` goes on.
"""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, create_engine, delete, insert, select, update
from sqlalchemy.pool import NullPool

from audit.entry import LOG_STREAM, EntryDraft, What, Who, entry_id, parse_entry
from audit.erasing import overwrite, shed_old_pages
from audit.logstore import LogReader, StoredEntry
from audit.outbox import record
from audit.purges import (
    MOST_RANGES,
    PURGED,
    Purge,
    digest_of_lines,
    line,
    parse_purge,
    ranges_of,
    spell_ranges,
)
from audit.reading import reading
from audit.shards import archive_path, closed_shards, reading_all, shard_engine
from audit.tables import audit_entry, audit_outbox, audit_payload, audit_purge

AT_ONCE = 500
"""Bound variables per statement."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Entries of one shard that may go, by index, and the instant of the newest."""

    origin: str
    rows: tuple[StoredEntry, ...]
    newest: datetime


def choose(log: Engine, may_go: Callable[[StoredEntry, datetime], bool]) -> list[Chosen]:
    """Return what may go of each shard, oldest first. What befalls the log itself never does:
    without it nobody could tell a purge from a tampering."""
    found = []
    with reading_all(log) as connections:
        for connection in connections:
            reader = LogReader(connection)
            rows, newest = [], None
            for entry in reader.entries():
                if not entry.body or entry.stream == LOG_STREAM:
                    continue
                at = datetime.fromisoformat(parse_entry(entry.body)["t"])
                if may_go(entry, at):
                    rows.append(entry)
                    newest = at if newest is None else max(newest, at)
            if newest is not None:
                found.append(Chosen(reader.state().origin, tuple(rows), newest))
    return found


def announce(log: Engine, chosen: Chosen, who: Who, basis: str, at: datetime) -> list[Purge]:
    """Commit the entries about what is going to go, and return them; the same at a retry."""
    ranges = ranges_of([row.index for row in chosen.rows])
    lines = {row.index: line(row) for row in chosen.rows}
    made = []
    with log.begin() as connection:
        for start in range(0, len(ranges), MOST_RANGES):
            some = tuple(ranges[start : start + MOST_RANGES])
            digest = digest_of_lines(lines[n] for a, b in some for n in range(a, b + 1))
            text = spell_ranges(some)
            name = entry_id(f"purge:{chosen.origin}:{digest}", PURGED)
            draft = EntryDraft(
                id=name, stream=LOG_STREAM, at=at, who=who, act=PURGED,
                obj=What("log", chosen.origin, text, digest), why=basis,
                occurred_at=chosen.newest,
            )  # fmt: skip
            record(connection, draft)
            made.append(Purge(name, None, chosen.origin, some, digest))
    return made


def carry_out(log: Engine, purge: Purge) -> int:
    """Empty the bodies that an entry says are gone; return how many there still were."""
    with _shard_to_write(log, purge.origin) as engine:
        with engine.begin() as connection:
            overwrite(connection)
            gone = 0
            for first, last in purge.ranges:
                gone += _empty(connection, first, last, purge.entry_id)
        shed_old_pages(engine)
    return gone


def _empty(connection: Connection, first: int, last: int, entry: str) -> int:
    held = select(audit_purge.c.first).where(audit_purge.c.first == first)
    if connection.execute(held).first() is None:
        row = {"first": first, "last": last, "entry_id": entry}
        connection.execute(insert(audit_purge).values(row))
    place = audit_entry.c.seq
    here = (place >= first) & (place <= last) & (audit_entry.c.body != b"")
    return connection.execute(update(audit_entry).where(here).values(body=b"")).rowcount


def announced(log: Engine) -> list[Purge]:
    """Return every purge that an entry speaks of, waiting for the sequencer or in a shard."""
    table = audit_outbox.c
    found: dict[str, Purge] = {}
    with reading(log) as connection:
        waiting = select(table.entry_id, table.body).where(table.stream == LOG_STREAM)
        rows: list[tuple[str, int | None, bytes]] = [
            (row.entry_id, None, bytes(row.body)) for row in connection.execute(waiting)
        ]
    with reading_all(log) as connections:
        for one in connections:
            rows += [(e.entry_id, e.index, e.body) for e in LogReader(one).stream(LOG_STREAM)]
    for name, index, body in rows:
        purge = parse_purge(name, index, body)
        if purge is not None:
            found[name] = purge
    return list(found.values())


def unfinished(log: Engine) -> list[Purge]:
    """Return the purges of which some body is still there."""
    with reading_all(log) as connections:
        shards = {LogReader(one).state().origin: one for one in connections}
        return [
            purge
            for purge in announced(log)
            if purge.origin in shards
            and next(_bodies(shards[purge.origin], purge.ranges), None) is not None
        ]


def _bodies(connection: Connection, ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    place = audit_entry.c.seq
    for first, last in ranges:
        here = (place >= first) & (place <= last) & (audit_entry.c.body != b"")
        yield from connection.scalars(select(place).where(here).limit(1))


def ids_of(log: Engine, purge: Purge) -> list[str]:
    """Return the ids of the entries of a purge, by index."""
    table = audit_entry.c
    found: list[str] = []
    with _shard_to_write(log, purge.origin) as engine, reading(engine) as connection:
        for first, last in purge.ranges:
            here = (table.seq >= first) & (table.seq <= last)
            query = select(table.entry_id).where(here).order_by(table.seq)
            found += connection.scalars(query)
    return found


def drop_payloads(connection: Connection, ids: Sequence[str]) -> int:
    """Delete what purged entries committed to, in the caller's transaction; return how many."""
    overwrite(connection)
    gone = 0
    for start in range(0, len(ids), AT_ONCE):
        some = audit_payload.c.entry_id.in_(ids[start : start + AT_ONCE])
        gone += connection.execute(delete(audit_payload).where(some)).rowcount
    return gone


@contextmanager
def _shard_to_write(log: Engine, origin: str) -> Iterator[Engine]:
    """Open the shard of this name to write. Raises `LookupError` where there is none."""
    with reading(log) as connection:
        if LogReader(connection).state().origin == origin:
            yield log
            return
        shard = next((one for one in closed_shards(connection) if one.origin == origin), None)
    if shard is None:
        raise LookupError(f"no shard {origin}")
    if log.dialect.name != "sqlite":
        engine = shard_engine(log, shard)
        try:
            yield engine
        finally:
            engine.dispose()
        return
    path = archive_path(log, shard)
    before = path.stat().st_mode
    path.chmod(before | stat.S_IWUSR)  # closed archives are read-only files
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()
        path.chmod(before)
