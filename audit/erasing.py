"""Erasure: what of the log's own tables is destroyed, and whether what is gone went lawfully.

The order that survives a crash anywhere: the entry `payload.erased` is committed first; then every
copy outside the keys store goes; the key goes last. What is found half done has its entry, and is
done again from the top: each step may be repeated. A key that is gone without its entry is
therefore never a crash, and `check_destroyed` says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from audit.canonical import NotCanonical
from audit.entry import ERASED, EntryInvalid, parse_entry
from audit.reading import reading
from audit.report import Failure, VerifyReport
from audit.shards import stream_of
from audit.tables import audit_outbox, audit_payload, audit_subject_key
from audit.vault import CACHE_SECONDS

STREAM = "sys:log"
"""Where entries `payload.erased` stand: among what befalls the log."""

__all__ = ["CACHE_SECONDS", "STREAM", "Gone", "blank_payloads", "check_destroyed", "erased_in"]


@dataclass(frozen=True, slots=True)
class Gone:
    """One lawful erasure: whose data, on which ground, where its entry stands (None: waiting)."""

    subject: str
    ground: str
    entry_id: str
    index: int | None


def blank_payloads(connection: Connection, subject: str) -> int:
    """Empty this subject's payload rows in the caller's transaction; return how many were left.

    The row stays, with subject and name, so that a verifier knows whose absence it sees. On SQLite
    the old bytes are overwritten in the file; see `shed_old_pages`.
    """
    overwrite(connection)
    table = audit_payload
    held = (table.c.subject == subject) & (table.c.sealed != b"")
    return connection.execute(update(table).where(held).values(sealed=b"")).rowcount


def overwrite(connection: Connection) -> None:
    """Let SQLite overwrite what this connection frees, instead of only forgetting where it lay."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def shed_old_pages(engine: Engine) -> bool:
    """Bring SQLite's write-ahead log into the file and empty it: old pages lie there otherwise.

    Return whether it is empty; a reader may be in the way, then ask again. On PostgreSQL old
    rows go with VACUUM and old WAL with its own retention, which is the operator's.
    """
    if engine.dialect.name != "sqlite":
        return True
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = cursor.fetchone()
        return row is not None and row[0] == 0
    finally:
        raw.close()


def erased_in(log: Engine) -> dict[str, Gone]:
    """Return every subject that an entry of the log, or one that waits for it, says was erased."""
    found: dict[str, Gone] = {}
    with reading(log) as connection:
        table = audit_outbox.c
        waiting = select(table.entry_id, table.body).where(table.stream == STREAM)
        rows: list[tuple[str, bytes, int | None]] = [
            (row.entry_id, bytes(row.body), None) for row in connection.execute(waiting)
        ]
    # The log after its outbox: what is drained in between is found twice, never not at all.
    rows += [(e.entry_id, e.body, e.index) for e in stream_of(log, STREAM)]
    for gone in _gone(rows):
        found[gone.subject] = gone
    return found


def check_destroyed(keys: Engine, erased: Iterable[str], report: VerifyReport) -> int:
    """Compare destroyed keys with the entries about them; return how many keys are destroyed.

    A destroyed key without an entry `payload.erased` is a failure; an entry whose key is still
    there is an erasure that was begun and must be carried through: incomplete.
    """
    table = audit_subject_key.c
    with reading(keys) as connection:
        query = select(table.id, table.destroyed_at)
        standing = {row.id: row.destroyed_at for row in connection.execute(query)}
    known = set(erased)
    gone = {subject for subject, at in standing.items() if at is not None}
    for subject in sorted(gone - known):
        expected = f"an entry {ERASED} about {subject}"
        report.fail(Failure("erasure", None, None, expected, "none; its key is destroyed"))
    for subject in sorted(known - gone):
        report.incomplete.append(f"the erasure of {subject} was begun and is not finished")
    return len(gone)


def _gone(rows: Iterable[tuple[str, bytes, int | None]]) -> Iterator[Gone]:
    for entry_id, stored, index in rows:
        try:
            body = parse_entry(stored)
        except (NotCanonical, EntryInvalid):
            continue  # `verify_log` names it
        if body["act"] == ERASED and body["obj"]["type"] == "subject":
            yield Gone(body["obj"]["id"], body.get("why", ""), entry_id, index)
