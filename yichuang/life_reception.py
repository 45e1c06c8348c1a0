"""Orders of systems to projects and incidents: named by number or id, through their own doors.

Of what a system may not know it is told nothing: neither that it is there nor that it is another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from cases import incident_lists, project_lists
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Outcome, Source
from cases.reception import NotNow, Reception, Request
from policies.access import Access, Thing
from yichuang.incident_door import IncidentDoor, thing_of
from yichuang.project_door import ProjectDoor, project_thing

NOWHERE = "-"
"""Id of what is not there, for the entry of the refusal."""


class Door(Protocol):
    """Who takes orders to one kind of life."""

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        life: str,
        verb: str,
        body: Mapping[str, Any],
        /,
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of life: its door, how one is found, how policy judges it."""

    door: Door
    find: Callable[[Connection, str], str | None]
    """Number → id."""
    thing: Callable[[Connection, str], Thing | None]
    unknown: tuple[str, str]
    """Code and sentence of the answer where there is none of that name."""


def project_kind(door: ProjectDoor) -> Kind:
    def thing(connection: Connection, key: str) -> Thing | None:
        state = project_lists.state_of(connection, key)
        return None if state is None else project_thing(key, state)

    said = ("unknown_project", "没有这个项目，请核对编号")
    return Kind(door, project_lists.find_number, thing, said)


def incident_kind(door: IncidentDoor) -> Kind:
    def thing(connection: Connection, key: str) -> Thing | None:
        state = incident_lists.state_of(connection, key)
        return None if state is None else thing_of(key, state)

    said = ("unknown_incident", "没有这个突发事件，请核对编号")
    return Kind(door, incident_lists.find_number, thing, said)


class WithLives:
    """A reception that takes orders to projects and incidents beside what another takes."""

    def __init__(
        self,
        others: Reception,
        kinds: Mapping[str, Kind],
        *,
        access: Access,
        engine: Engine,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`kinds`: first word of a request's verb → what it is about. `engine` is the cases
        store, which is only read here."""
        self._others, self._kinds = others, kinds
        self._access, self._engine, self._now = access, engine, now

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        """As `cases.reception.Reception`; a batch holds orders to one life only."""
        word, dot, _ = requests[0].verb.partition(".")
        if not dot:
            return await self._others.handle(actor, source, requests)
        kind = self._kinds[word]
        return tuple([await self._one(kind, actor, source, one) for one in requests])

    async def _one(self, kind: Kind, actor: Actor, source: Source, one: Request) -> Outcome:
        try:
            key, is_known = await asyncio.to_thread(self._look, kind, actor, one)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        verb = one.verb.partition(".")[2]
        outcome = await kind.door.order(actor, source, one.id, key, verb, one.body)
        if outcome.status == "done" or is_known:
            return outcome
        code, reason = kind.unknown
        # The door's entry says what was tried; the answer is to the letter that of nothing there.
        return Outcome(
            command_id=one.id, case_id=one.case_id, status="refused", case_no=one.case_no,
            code=code, reason=reason, field="number" if one.case_no else "id",
        )  # fmt: skip

    def _look(self, kind: Kind, actor: Actor, one: Request) -> tuple[str, bool]:
        """Return the id (`NOWHERE`: there is none), and whether the actor may know of it."""
        with reading(self._engine) as connection:
            key = kind.find(connection, one.case_no) if one.case_no else one.case_id
            about = kind.thing(connection, key) if key else None
        if key is None or about is None:
            return NOWHERE, False
        at = self._now()
        return key, any(
            self._access.decide(actor, act, about, at).allowed for act in ("list", "read")
        )
