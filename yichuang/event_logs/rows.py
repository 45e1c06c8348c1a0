"""What the cases store says of the objects: matter, type, department; never whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, select

from cases.incident_tables import incident, incident_case, incident_unit
from cases.payment_tables import payment
from cases.project_tables import project
from cases.tables import case

Ties = tuple[tuple[str, str, str], ...]
"""(type, id, qualifier) of other objects."""
Said = tuple[Mapping[str, str], Ties]

Conditions = Mapping[str, ColumnElement[bool]]
"""Type of object → what policy lets the asker list; a type that is absent is open to them whole."""

_TABLES: Final[Mapping[str, FromClause]] = {
    "case": case, "incident": incident, "project": project,
}  # fmt: skip


@dataclass(frozen=True)
class StoredRows:
    """`gather.Rows` over the cases store."""

    connection: Connection
    conditions: Conditions
    whole: frozenset[str]
    """Types of which everything may be told, of whatever is in no table too."""

    def hidden(self, kind: str, ids: Iterable[str]) -> frozenset[str]:
        """Return those that policy does not let the asker list.

        What has no row (a case refused before there was one) is shown to those who see the whole.
        """
        asked = frozenset(ids)
        if kind in self.whole:
            return frozenset()
        table, condition = _TABLES.get(kind), self.conditions.get(kind)
        if table is None or condition is None:
            return asked
        query = select(table.c.id).where(table.c.id.in_(sorted(asked)), condition)
        return asked - frozenset(self.connection.scalars(query))

    def attributes(self, kind: str, ids: Iterable[str]) -> Mapping[str, Said]:
        reader = _READERS.get(kind)
        if reader is None:
            return {}
        found = dict(reader(self.connection, sorted(ids)))
        return self._with_incidents(found) if kind == "case" else found

    def _with_incidents(self, found: Mapping[str, Said]) -> Mapping[str, Said]:
        """Return the cases with the incidents that they are linked with and that may be told."""
        link = incident_case.c
        query = select(link.case_id, link.incident_id).where(
            link.case_id.in_(sorted(found)), link.unlinked_seq.is_(None)
        )
        pairs = [(row.case_id, row.incident_id) for row in self.connection.execute(query)]
        hidden = self.hidden("incident", {incident for _, incident in pairs}) if pairs else ()
        tied: dict[str, list[tuple[str, str, str]]] = {}
        for case_id, incident_id in sorted(pairs):
            if incident_id not in hidden:
                tied.setdefault(case_id, []).append(("incident", incident_id, "concerns"))
        return {id: (said, (*ties, *tied.get(id, ()))) for id, (said, ties) in found.items()}


def _cases(connection: Connection, ids: list[str]) -> Iterator[tuple[str, Said]]:
    c = case.c
    query = select(
        c.id, c.matter, c.process, c.department, c.channel, c.ending, c.backfilled
    ).where(c.id.in_(ids))
    for row in connection.execute(query):
        said = {
            "matter": row.matter, "process": row.process, "department": row.department,
            "channel": row.channel, "ending": row.ending,
            "backfilled": "true" if row.backfilled else "",
        }  # fmt: skip
        yield row.id, (said, (("department", row.department, "decided by"),))


def _incidents(connection: Connection, ids: list[str]) -> Iterator[tuple[str, Said]]:
    sent: dict[str, list[tuple[str, str, str]]] = {}
    units = select(incident_unit.c.incident_id, incident_unit.c.department).where(
        incident_unit.c.incident_id.in_(ids)
    )
    for id, department in connection.execute(units.order_by(incident_unit.c.n)):
        sent.setdefault(id, []).append(("department", department, "handled by"))
    c = incident.c
    query = select(c.id, c.type, c.level, c.grade, c.district, c.lead, c.merged_into).where(
        c.id.in_(ids)
    )
    for row in connection.execute(query):
        said = _named(row._mapping, "type", "level", "grade", "district") | {"department": row.lead}
        ties = list(dict.fromkeys(sent.get(row.id, ())))
        if row.merged_into:
            ties.append(("incident", row.merged_into, "merged into"))
        yield row.id, (said, tuple(ties))


def _projects(connection: Connection, ids: list[str]) -> Iterator[tuple[str, Said]]:
    c = project.c
    query = select(c.id, c.template, c.regime, c.department, c.operator, c.pay, c.stage).where(
        c.id.in_(ids)
    )
    for row in connection.execute(query):
        said = _named(row._mapping, "template", "regime", "department", "operator", "pay", "stage")
        ties = [("department", row.department, "led by")]
        if row.operator:
            ties.append(("department", row.operator, "operated by"))
        yield row.id, (said, tuple(ties))


def _payments(connection: Connection, ids: list[str]) -> Iterator[tuple[str, Said]]:
    c = payment.c
    query = select(c.id, c.department, c.budget_year).where(c.id.in_(ids))
    for row in connection.execute(query):
        said = {"department": row.department, "budget_year": str(row.budget_year)}
        yield row.id, (said, (("department", row.department, "asked by"),))


def _named(known: RowMapping, *names: str) -> dict[str, str]:
    return {name: str(known[name]) for name in names}


_READERS: Final[Mapping[str, Callable[[Connection, list[str]], Iterator[tuple[str, Said]]]]] = {
    "case": _cases,
    "incident": _incidents,
    "project": _projects,
    "payment": _payments,
}
