"""The whole check: the log by itself, then every row of the cases store against the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from audit.check import verify_stores
from audit.logstore import LogReader
from audit.notes import NoteVerifier
from audit.tables import audit_outbox, audit_stream
from audit.verify import TAMPERED, UNREADABLE, VerifyReport
from cases.database import reading
from cases.integrity import Said, Wrong, check_rows

REPORTED = 100
"""Rows named one by one; all are counted."""


@dataclass
class Verdict:
    """What was found in the log and in the rows."""

    log: VerifyReport
    rows: list[Wrong] = field(default_factory=list)
    wrong_rows: int = 0
    steps: int = 0
    unreadable: str = ""

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 incomplete, 3 unreadable; the gravest that can be said."""
        if self.wrong_rows or self.log.exit_code == TAMPERED:
            return TAMPERED
        return UNREADABLE if self.unreadable else self.log.exit_code

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_code": self.exit_code,
            "log": self.log.as_json(),
            "steps": self.steps,
            "wrong_rows": self.wrong_rows,
            "rows": [
                {
                    "case": one.case_id,
                    "seq": one.seq,
                    "column": one.column,
                    "expected": one.expected,
                    "found": one.found,
                }
                for one in self.rows
            ],
            "unreadable": self.unreadable,
        }


def verify_everything(
    log: Engine, trusted: NoteVerifier, producers: Mapping[str, Engine], pins: Iterable[str] = ()
) -> Verdict:
    """Verify log and rows while the city runs; blocks no writer. Never raises for a bad store."""
    report = verify_stores(log, trusted, producers=producers, pins=tuple(pins))
    verdict = Verdict(report)
    try:
        with reading(producers["cases"]) as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            # One moment of the rows, then the log: what was drained before that moment is in the
            # log by now, what was committed after it is left out by the heads of the streams.
            said = list(_said(connection, log))
            verdict.steps = sum(one.seq is not None for one in said)
            for wrong in check_rows(connection, said):
                verdict.wrong_rows += 1
                if len(verdict.rows) < REPORTED:
                    verdict.rows.append(wrong)
    except (SQLAlchemyError, OSError, ValueError) as error:
        verdict.unreadable = str(error)
    return verdict


def _said(connection: Connection, log: Engine) -> Iterator[Said]:
    stream = audit_stream.c
    heads = {
        row.stream: row.seq for row in connection.execute(select(stream.stream, stream.seq)).all()
    }
    waiting = audit_outbox.c
    rows = connection.execute(
        select(waiting.entry_id, waiting.stream, waiting.seq, waiting.body)
    ).all()
    seen = set()
    for row in rows:
        seen.add(row.entry_id)
        yield from _of_body(row.stream, bytes(row.body))
    with reading(log) as other:
        for entry in LogReader(other).entries():
            if entry.entry_id in seen or entry.stream_seq > heads.get(entry.stream, 0):
                continue
            yield from _of_body(entry.stream, entry.body)


def _of_body(stream: str, stored: bytes) -> Iterator[Said]:
    if not stream.startswith("case:"):
        return
    body = orjson.loads(stored)
    thing, after = body["obj"], body.get("after")
    if thing["type"] != "case" or after is None:
        return
    seq = int(thing["step"]) if body["res"] == "ok" else None
    yield Said(body["id"], thing["id"], seq, after)
