"""`forms.incident_ports.Incidents` over the cases store, the catalogue and the incidents' door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Engine, and_

from audit.vault import KeyDestroyed, UnknownSubject
from cases import incident_lists
from cases.accounts import Accounts
from cases.database import bounded, reading
from cases.incident_lines import learned_lines
from cases.incident_lists import MOST, Change, EventRow, Filters
from cases.incidents.routing import Routed, route
from cases.incidents.state import IncidentState
from cases.messages import Actor, Outcome, Source
from catalogue.grid import Grid
from catalogue.incident_types import IncidentType
from catalogue.load import Catalogue
from forms.incident_fields import GROUND_WORDS
from forms.incident_ports import (
    MARKS,
    MOST_LINKINGS,
    BoardView,
    Linking,
    ShownIncident,
    Told,
)
from policies.access import Access
from yichuang.incident_papers import GONE

LAST_SECONDS = 0.25
"""For so long the number of the newest change is told without asking the store again."""


class Door(Protocol):
    """Who takes orders to incidents."""

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
        occurred_at: datetime | None = None,
    ) -> Outcome: ...


@dataclass
class WebIncidents:
    """Lists are cut to what policy lets one list, by its own condition."""

    engine: Engine
    access: Access
    accounts: Accounts
    catalogue: Callable[[], Catalogue]
    door: Door
    opened: Callable[[str, EventRow], Mapping[str, Any]]
    """Incident id and event → its body, opened. Raises `KeyDestroyed`, `UnknownSubject`."""
    drafted: Callable[[str, str], str]
    """Incident id and link of its chain → the drafted report."""
    leaves: Callable[[Sequence[str]], Mapping[str, int]]
    """Ids of entries → where they stand in the log, once they do."""
    page_role: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: tuple[float, int] = (float("-inf"), 0)

    @property
    def kinds(self) -> Mapping[str, IncidentType]:
        return self.catalogue().incident_types.by_code

    @property
    def grid(self) -> Grid:
        return self.catalogue().grid

    def _engine(self, actor: Actor) -> Engine:
        return bounded(self.engine, self.page_role, self.access.bounds(actor))

    def board(self, actor: Actor, filters: Filters, page: int, size: int) -> BoardView:
        where = self.access.where(actor, "list", "incident")
        with reading(self._engine(actor)) as connection:
            # The number first: what is committed between is shown, and told once more.
            change = incident_lists.last_change(connection)
            cells = incident_lists.per_cell(connection, where, filters)
            total = sum(cells.values())
            pages = max(1, -(-min(total, MOST) // size))
            page = min(page, pages)
            most = max(MARKS, page * size)
            rows = incident_lists.open_incidents(connection, where, filters, most)
            window = rows[(page - 1) * size : page * size]
            units = incident_lists.units_of(connection, where, [row.id for row in window])
            counted = incident_lists.counters(connection, where)
        marked = tuple(rows[:MARKS])
        return BoardView(change, marked, total, cells, tuple(window), units, counted, page, pages)

    def viewpoint(self, actor: Actor) -> Hashable:
        # The very condition that the lists are cut by, written out with its values; and, on
        # PostgreSQL, what the database itself adds for the reader.
        where = self.access.where(actor, "list", "incident")
        said = str(where.compile(compile_kwargs={"literal_binds": True}))
        return said, self.access.bounds(actor).incidents if self.page_role else ""

    def last(self) -> int:
        with self._lock:
            asked_at, last = self._last
            if monotonic() - asked_at >= LAST_SECONDS:
                with reading(self.engine) as connection:
                    last = incident_lists.last_change(connection)
                self._last = (monotonic(), last)
            return last

    def since(self, actor: Actor, change: int) -> Sequence[Change]:
        where = self.access.where(actor, "list", "incident")
        with reading(self._engine(actor)) as connection:
            return incident_lists.since(connection, where, change)

    def numbers(self, actor: Actor, ids: Sequence[str]) -> Mapping[str, str]:
        where = self.access.where(actor, "list", "incident")
        with reading(self._engine(actor)) as connection:
            found = incident_lists.rows_of(connection, where, ids)
        return {row.id: row.number for row in found}

    def known(self, incident_id: str) -> IncidentState | None:
        with reading(self.engine) as connection:
            return incident_lists.state_of(connection, incident_id)

    def listed(self, actor: Actor, number: str) -> str:
        where = self.access.where(actor, "list", "incident")
        with reading(self._engine(actor)) as connection:
            return incident_lists.find_number(connection, number, where) or ""

    def incident(
        self, actor: Actor, incident_id: str, *, personal: bool = False
    ) -> ShownIncident | None:
        # Read as the reader: what policy would not list, the database itself does not give.
        with reading(self._engine(actor)) as connection:
            found = incident_lists.incident_view(connection, incident_id)
            change = incident_lists.last_change(connection)
        if found is None:
            return None
        people = {one.actor for one in found.events} | {one.on_behalf for one in found.events}
        people |= {one.acknowledged_by for one in found.state.units}
        names = self.accounts.names(sorted(people - {""}))
        told = tuple(self._told(incident_id, one, names, personal) for one in found.events)
        first = next((one for one in told if one.kind == "report"), None)
        return ShownIncident(
            found.row, found.state, tuple(reversed(told)), first.text if first else "",
            tuple(found.signals), change, names,
        )  # fmt: skip

    def linkings(self, actor: Actor, case_id: str) -> Sequence[Linking]:
        where = self.access.where(actor, "list", "incident")
        opened = and_(where, self.access.where(actor, "read_personal", "incident"))
        with reading(self._engine(actor)) as connection:
            found = incident_lists.linkings(connection, case_id, where, MOST_LINKINGS)
            if not found:
                return ()
            personal = incident_lists.rows_of(connection, opened, [one for one, _, _ in found])
        may = {row.id for row in personal}
        people = {by for _, _, one in found for by in (one.actor, one.on_behalf)}
        names = self.accounts.names(sorted(people - {""}))
        leaves = self.leaves([one.entry_id for _, _, one in found])
        return tuple(
            Linking(
                incident_id,
                number,
                replace(
                    self._told(incident_id, one, names, incident_id in may),
                    leaf=leaves.get(one.entry_id),
                ),
                one.recorded_at,
                one.entry_id,
            )
            for incident_id, number, one in found
        )

    def _told(
        self, incident_id: str, one: EventRow, names: Mapping[str, str], personal: bool
    ) -> Told:
        text = self._text(incident_id, one) if personal else ""
        hidden = not personal and one.kind in TYPED
        return Told(
            one.seq, one.kind, one.at, names.get(one.actor, ""),
            names.get(one.on_behalf, one.on_behalf), one.role, one.department, one.stage,
            one.said, text, hidden,
        )  # fmt: skip

    def _text(self, incident_id: str, one: EventRow) -> str:
        """Return what was typed, in words; said plainly where its key is destroyed."""
        if not one.body_sealed:
            return ""
        try:
            body = self.opened(incident_id, one)
        except (KeyDestroyed, UnknownSubject):
            return GONE
        said = (str(body[name]) for name in SPOKEN if body.get(name))
        # 退单 names its ground by a code; every other ground is somebody's own words.
        return "；".join(GROUND_WORDS.get(one, one) for one in said)

    def routed(self, state: IncidentState) -> Sequence[Routed]:
        catalogue = self.catalogue()
        kind = catalogue.incident_types.by_code.get(state.type)
        if kind is None:
            return ()
        with reading(self.engine) as connection:
            learned = learned_lines(connection, state.type)
        refused = tuple(one.department for one in state.refusals)
        return route(
            kind, state.place, catalogue.responsibility, catalogue.grid, learned,
            owner=state.owner, refused=refused,
        )  # fmt: skip

    def draft(self, incident_id: str, chain: str) -> str:
        return self.drafted(incident_id, chain)

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        return await self.door.order(actor, source, command_id, incident_id, verb, body)


TYPED = frozenset(
    {"report", "link_case", "unlink_case", "refuse_dispatch", "arbitrate", "progress", "answer"}
)
"""Orders in which something is typed always."""

SPOKEN = ("text", "ground", "evidence", "task", "measures", "casualties")
"""Fields of a body that were typed, in the order in which the timeline shows them."""
