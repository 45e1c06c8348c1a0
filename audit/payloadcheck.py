"""Checking the payloads against the log: each is what its entry committed to, or lawfully gone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Engine, select

from audit.canonical import NotCanonical
from audit.entry import ERASED, EntryInvalid, parse_entry
from audit.logstore import StoredEntry
from audit.payloads import PayloadAltered, open_payload
from audit.reading import reading
from audit.shards import all_entries
from audit.tables import audit_payload
from audit.vault import KeyDestroyed, SealBroken, SubjectVault, UnknownSubject
from audit.verify import Failure, VerifyReport

_PAGE = 500

_Sealed = dict[tuple[str, str], tuple[str, bytes]]
"""(Entry id, payload name) → (subject, sealed bytes)."""


def check_payloads(
    log: Engine,
    producers: Mapping[str, Engine],
    vault: SubjectVault,
    report: VerifyReport,
    start: int = 0,
) -> int:
    """Open every payload that the log commits to, add what is wrong to the report, and return how
    many held. `start` passes over so many entries, counted through all shards.

    A payload whose key is destroyed is in order only if the log has an entry `payload.erased`
    about that subject. Needs the right to read everything: a supervisor's check, not a stranger's.
    """
    held = 0
    erased: set[str] = set()
    gone: list[tuple[StoredEntry, str, str]] = []
    entries = islice(all_entries(log), start, None)
    while page := list(islice(entries, _PAGE)):
        bodies = list(_bodies(page))
        stored = _stored(producers, [entry.entry_id for entry, body in bodies if "pay" in body])
        for entry, body in bodies:
            if body["act"] == ERASED:
                erased.add(body["obj"]["id"])
            for said in body.get("pay", ()):
                held += _check(vault, entry, said, stored, gone, report)
    for entry, name, subject in gone:
        if subject not in erased:
            _fail(report, "erasure", entry, f"an entry {ERASED} about {subject}", f"none; {name}")
    return held


def _bodies(page: Sequence[StoredEntry]) -> Iterator[tuple[StoredEntry, dict[str, Any]]]:
    for entry in page:
        try:
            yield entry, parse_entry(entry.body)
        except (NotCanonical, EntryInvalid):
            continue  # `verify_log` names it


def _stored(producers: Mapping[str, Engine], ids: Sequence[str]) -> _Sealed:
    found: _Sealed = {}
    if not ids:
        return found
    table = audit_payload.c
    query = select(table.entry_id, table.name, table.subject, table.sealed)
    for engine in producers.values():
        with reading(engine) as connection:
            for row in connection.execute(query.where(table.entry_id.in_(ids))):
                found[row.entry_id, row.name] = (row.subject, bytes(row.sealed))
    return found


def _check(
    vault: SubjectVault,
    entry: StoredEntry,
    said: Mapping[str, Any],
    stored: _Sealed,
    gone: list[tuple[StoredEntry, str, str]],
    report: VerifyReport,
) -> bool:
    name = str(said["n"])
    row = stored.get((entry.entry_id, name))
    if row is None:
        _fail(report, "payload", entry, f"payload {name}", "none")
        return False
    subject, sealed = row
    try:
        open_payload(vault, entry.entry_id, name, subject, sealed, bytes.fromhex(said["c"]))
    except KeyDestroyed:
        gone.append((entry, name, subject))
        return False
    except (PayloadAltered, SealBroken, UnknownSubject, ValueError) as error:
        _fail(report, "payload", entry, str(said["c"]), f"{name}: {error}")
        return False
    return True


def _fail(report: VerifyReport, check: str, entry: StoredEntry, expected: str, found: str) -> None:
    report.fail(Failure(check, entry.index, entry.entry_id, expected, found))
