"""Rows of incidents' kept papers: what is still to be made, what is there, and against the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import uuid5

from sqlalchemy import Connection, insert, select

from cases.incident_tables import incident_change, incident_event
from cases.messages import NAMESPACE
from cases.paper_tables import incident_paper
from cases.projection import after_of, json_text, value_digest

Kind = Literal["announcement", "report", "brief", "after_action"]

PAPERS_OF: Final[Mapping[str, tuple[Kind, ...]]] = MappingProxyType(
    {
        "start_response": ("announcement",),
        "adjust_response": ("announcement",),
        "end_response": ("announcement",),
        "report_up": ("report",),
        "archive": ("brief", "after_action"),
    }
)
"""Order → what of it is kept on paper: 第七十二条、第八十六条 announce, 第六十一条 reports,
第九十四条 files."""


@dataclass(frozen=True, slots=True)
class Due:
    """A paper that is not made yet."""

    incident_id: str
    source: str
    order: str
    kind: Kind
    act_at: datetime

    @property
    def id(self) -> str:
        return str(uuid5(NAMESPACE, f"incident paper\n{self.source}\n{self.kind}"))


@dataclass(frozen=True, slots=True)
class KeptPaper:
    """One paper as its row tells it, without the file."""

    id: str
    incident_id: str
    source: str
    kind: Kind
    number: str
    digest: str
    act_at: datetime
    made_at: datetime
    entry_id: str


def changes(connection: Connection, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Return the changes after this one that a paper is made of: number, incident."""
    one = incident_change.c
    query = (
        select(one.seq, one.incident_id)
        .where(one.seq > after, one.kind.in_(sorted(PAPERS_OF)))
        .order_by(one.seq)
        .limit(limit)
    )
    return [(row.seq, row.incident_id) for row in connection.execute(query)]


def due(connection: Connection, incident_id: str) -> Sequence[Due]:
    """Return the papers of an incident that are not made yet, in the order of their acts."""
    one = incident_event.c
    acts = connection.execute(
        select(one.command_id, one.kind, one.at)
        .where(one.incident_id == incident_id, one.kind.in_(sorted(PAPERS_OF)))
        .order_by(one.seq)
    )
    made = {(kept.source, kept.kind) for kept in listing(connection, incident_id)}
    return [
        Due(incident_id, row.command_id, row.kind, kind, row.at)
        for row in acts
        for kind in PAPERS_OF[row.kind]
        if (row.command_id, kind) not in made
    ]


def put(connection: Connection, one: KeptPaper, sealed: bytes) -> str:
    """Write a paper; return what its entry says as `after`. Never commits."""
    row = {name: getattr(one, name) for name in _NAMES}
    connection.execute(insert(incident_paper).values(row | {"file_sealed": sealed}))
    return _after(row)


def listing(connection: Connection, incident_id: str) -> list[KeptPaper]:
    """Return the papers of one incident, the oldest first."""
    query = select(*_COLUMNS).where(incident_paper.c.incident_id == incident_id)
    found = connection.execute(query.order_by(incident_paper.c.made_at, incident_paper.c.id))
    return [KeptPaper(*row) for row in found]


def find(connection: Connection, incident_id: str, paper: str) -> tuple[KeptPaper, bytes] | None:
    """Return a paper of this incident and its sealed file; None: there is none."""
    query = select(*_COLUMNS, incident_paper.c.file_sealed).where(
        incident_paper.c.incident_id == incident_id, incident_paper.c.id == paper
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (KeptPaper(*row[:-1]), bytes(row.file_sealed))


@dataclass(frozen=True, slots=True)
class WrongPaper:
    """A row that is not what the log says."""

    paper: str
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongPaper]:
    """Yield every paper that differs from what its entry says. `said`: id → `after`.

    The sealed file is not looked into: `digest` is bound, and a file that is opened is held to it.
    """
    there = {
        row["id"]: _after(dict(row)) for row in connection.execute(select(*_COLUMNS)).mappings()
    }
    for paper in sorted(said.keys() | there.keys()):
        expected, found = said.get(paper, ""), there.get(paper, "")
        if expected != found:
            yield WrongPaper(paper, "incident_paper", expected or "none", found or "none")


_NAMES: Final = tuple(KeptPaper.__dataclass_fields__)
_COLUMNS: Final = tuple(incident_paper.c[name] for name in _NAMES)


def _after(row: Mapping[str, Any]) -> str:
    """Return the digest that binds a row: of each column's own."""
    return after_of(json_text({name: value_digest(row[name]) for name in _NAMES}))
