"""`forms.process_ports.Processes` over the cases store, which is only read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine

from cases import process_rows
from cases.database import bounded, reading
from cases.messages import Actor
from cases.months import span_of
from cases.process import mapped
from cases.process_rows import MOST_THINGS, HeldCase, Passage, Sought
from forms.process_ports import MapFound, MapQuery
from policies.access import Access

CASES: Final = "case"


@dataclass(frozen=True)
class WebProcess:
    """Every answer is cut to what policy lets the reader list, by its own condition."""

    engine: Engine
    access: Access
    zone: str
    page_role: str = ""
    """Role of PostgreSQL under which lists are read; see `WebReader`."""

    def map(self, actor: Actor, query: MapQuery) -> MapFound:
        sought, where = self._asked(actor, query)
        with reading(self._engine(actor)) as connection:
            things = process_rows.how_many(connection, where, sought)
            found = mapped(process_rows.happened(connection, where, sought))
            held = process_rows.held(connection, where, sought) if query.kind == CASES else ()
        return MapFound(found, things, MOST_THINGS, held)

    def passages(
        self, actor: Actor, query: MapQuery, source: str, target: str, most: int
    ) -> tuple[Sequence[Passage], int]:
        sought, where = self._asked(actor, query)
        with reading(self._engine(actor)) as connection:
            return process_rows.passages(connection, where, sought, source, target, most)

    def held_cases(
        self, actor: Actor, query: MapQuery, holder: tuple[str, str], most: int, late: bool
    ) -> tuple[Sequence[HeldCase], int]:
        sought, where = self._asked(actor, query)
        with reading(self._engine(actor)) as connection:
            return process_rows.held_cases(connection, where, sought, holder, most, late=late)

    def _engine(self, actor: Actor) -> Engine:
        return bounded(self.engine, self.page_role, self.access.bounds(actor))

    def _asked(self, actor: Actor, query: MapQuery) -> tuple[Sought, ColumnElement[bool]]:
        span = span_of(query.first, query.last, self.zone)
        sought = Sought(
            query.kind, span.since, span.until, query.sort, query.department, query.by_itself
        )
        return sought, self.access.where(actor, "list", query.kind)
