"""Which workflow code was proved last: the only one that a worker may start without a proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Connection, Integer, String, Table, insert, select

from cases.database import Instant
from cases.tables import cases_metadata

proved_workflow = Table(
    "proved_workflow",
    cases_metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("histories", Integer, nullable=False),
    Column("proved_at", Instant, nullable=False),
    CheckConstraint("n > 0", name="n_from_one"),
)
"""Every proof, in order: code that is put back is proved again, since histories went on meanwhile.
Each has its entry in `sys:workflows`."""


@dataclass(frozen=True, slots=True)
class Proved:
    """One proof."""

    n: int
    digest: str
    histories: int
    """Replayed for it."""
    proved_at: datetime


def newest(connection: Connection) -> Proved | None:
    """Return the last proof; None in a city that never had one."""
    query = select(proved_workflow).order_by(proved_workflow.c.n.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Proved(row.n, row.digest, row.histories, row.proved_at)


def note(connection: Connection, proof: Proved) -> None:
    """Write a proof in the caller's transaction, with whose entry it stands."""
    connection.execute(
        insert(proved_workflow).values(
            n=proof.n, digest=proof.digest, histories=proof.histories, proved_at=proof.proved_at
        )
    )
