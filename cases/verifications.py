"""Verifications of the whole log, asked for at the pages: one at a time, each kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from cases.web_tables import verification

DEAD_AFTER = timedelta(seconds=30)
"""A verification that has not said anything for so long was killed: it says something twice a
second, and a store waits for its lock at most ten seconds (cases.database.BUSY_SECONDS)."""
ABORTED = 3
"""Exit code of one that was cut short: nothing was proved either way."""
LISTED = 20


class AlreadyRunning(Exception):
    """Somebody's verification runs; wait for it."""


@dataclass(frozen=True, slots=True)
class Verification:
    """One of them. `exit_code` and `report` (JSON) once it has ended."""

    id: str
    asked_by: str
    asked_at: datetime
    running: int | None
    seen: int
    total: int
    beat_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    report: str


def begin(connection: Connection, id: str, by: str, at: datetime) -> None:
    """Note a new one in the caller's transaction. Raises `AlreadyRunning`.

    One whose process is gone is ended first.
    """
    connection.execute(
        update(verification)
        .where(verification.c.running == 1, verification.c.beat_at < at - DEAD_AFTER)
        .values(running=None, ended_at=at, exit_code=ABORTED)
    )
    row = {
        "id": id, "asked_by": by, "asked_at": at, "running": 1, "seen": 0, "total": 0,
        "beat_at": at, "report": "",
    }  # fmt: skip
    try:
        connection.execute(insert(verification).values(row))
    except IntegrityError as error:
        raise AlreadyRunning(id) from error


def beat(connection: Connection, id: str, seen: int, total: int, at: datetime) -> None:
    """Note how far it is."""
    connection.execute(
        update(verification)
        .where(verification.c.id == id, verification.c.running == 1)
        .values(seen=seen, total=total, beat_at=at)
    )


def end(connection: Connection, id: str, exit_code: int, report: str, at: datetime) -> bool:
    """Note what came of it; return whether it was still taken for running."""
    changed = connection.execute(
        update(verification)
        .where(verification.c.id == id, verification.c.running == 1)
        .values(running=None, ended_at=at, exit_code=exit_code, report=report, beat_at=at)
    )
    return changed.rowcount == 1


def find(connection: Connection, id: str) -> Verification | None:
    """Return one of them."""
    row = connection.execute(select(verification).where(verification.c.id == id)).one_or_none()
    return None if row is None else Verification(**row._mapping)


def newest(connection: Connection) -> Sequence[Verification]:
    """Return the newest ones first."""
    query = select(verification).order_by(verification.c.asked_at.desc()).limit(LISTED)
    return [Verification(**row._mapping) for row in connection.execute(query)]
