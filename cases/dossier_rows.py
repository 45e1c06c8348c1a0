"""Dossiers as rows beside the register: written once, never changed. The caller owns the
transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import Connection, Select, insert, select

from cases.dossier import Dossier
from cases.messages import Frozen
from cases.release_tables import dossier as table


class SimulationOrder(Frozen):
    """What is to be simulated. The same order makes the same dossier, whoever runs it."""

    id: str
    """Id that the dossier will have."""
    release: str
    release_digest: str
    months: int
    until: AwareDatetime
    """End of the span: nothing recorded later is looked at."""


class SimulationMade(Frozen):
    """What came of it."""

    id: str
    digest: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class KeptDossier:
    """A dossier as its row tells it."""

    id: str
    release_id: str
    release_digest: str
    current_digest: str
    """Of the version it was compared with; empty: there was none."""
    months: int
    until: datetime
    made_at: datetime
    digest: str
    passed: bool
    words: str

    @property
    def made(self) -> SimulationMade:
        return SimulationMade(id=self.id, digest=self.digest, passed=self.passed, words=self.words)


def put(connection: Connection, order: SimulationOrder, made: Dossier, at: datetime) -> None:
    """Keep a dossier. Raises `IntegrityError` where one of its id is there."""
    row = {
        "id": order.id,
        "release_id": order.release,
        "release_digest": order.release_digest,
        "current_digest": made.current.digest,
        "months": order.months,
        "until": order.until,
        "made_at": at,
        "digest": made.digest,
        "passed": made.passed,
        "words": made.words,
        "content": made.content,
    }
    connection.execute(insert(table), row)


def find(connection: Connection, dossier: str) -> KeptDossier | None:
    """Return a dossier by its id."""
    return _one(connection, _rows().where(table.c.id == dossier))


def newest(connection: Connection, release: str, release_digest: str) -> KeptDossier | None:
    """Return the newest dossier of a release's text."""
    query = (
        _rows()
        .where(table.c.release_id == release, table.c.release_digest == release_digest)
        .order_by(table.c.until.desc(), table.c.id)
        .limit(1)
    )
    return _one(connection, query)


def content(connection: Connection, dossier: str) -> Dossier | None:
    """Return the whole of a dossier by its id."""
    text = connection.execute(select(table.c.content).where(table.c.id == dossier)).scalar()
    return None if text is None else Dossier.model_validate_json(text)


def texts(connection: Connection) -> list[tuple[str, str, str]]:
    """Return id, digest and text of every dossier, for who verifies them."""
    rows = connection.execute(
        select(table.c.id, table.c.digest, table.c.content).order_by(table.c.id)
    )
    return [(row.id, row.digest, row.content) for row in rows]


_SHOWN = tuple(column for column in table.c if column.name != "content")


def _rows() -> Select[Any]:
    return select(*_SHOWN)


def _one(connection: Connection, query: Select[Any]) -> KeptDossier | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else KeptDossier(**row)
