"""`forms.warning_ports.Warnings` over the cases store, which is only read, and the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Engine

from cases import warning_rows
from cases.database import reading
from cases.messages import Actor, Source
from cases.reception import NotNow
from cases.warning_rows import KeptAct
from cases.warnings import OBJECT, READ, WarningAnswer
from policies.access import Access, Thing
from yichuang.warning_door import WarningDoor

WAIT_S = 45.0
"""Longer than the door itself waits: it says why there is no answer."""

Ask = Callable[[Actor, Source, str, str, str, Mapping[str, JsonValue]], WarningAnswer]


@dataclass(frozen=True)
class WebWarnings:
    """Our own warnings as the pages ask for them; safe in any number of threads."""

    engine: Engine
    access: Access
    ask: Ask
    now: Callable[[], datetime]

    def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        warning: str,
        body: Mapping[str, JsonValue],
    ) -> WarningAnswer:
        return self.ask(actor, source, command_id, verb, warning, body)

    def answered(self, command_id: str) -> bool:
        with reading(self.engine) as connection:
            return warning_rows.answered(connection, command_id) is not None

    def listing(self, actor: Actor) -> Sequence[KeptAct]:
        if not self._may(actor):
            return ()
        return self.public()

    def acts(self, actor: Actor, warning: str) -> Sequence[KeptAct]:
        return self._acts(warning) if self._may(actor) else ()

    def published(self, warning: str) -> Sequence[KeptAct]:
        return self._acts(warning)

    def public(self) -> Sequence[KeptAct]:
        with reading(self.engine) as connection:
            return warning_rows.listing(connection)

    def _acts(self, warning: str) -> Sequence[KeptAct]:
        with reading(self.engine) as connection:
            return warning_rows.acts(connection, warning)

    def _may(self, actor: Actor) -> bool:
        return self.access.decide(actor, READ, Thing(OBJECT), self.now()).allowed


def asker(door: WarningDoor, loop: asyncio.AbstractEventLoop) -> Ask:
    """Return how threads that are not the door's ask it. Raises `NotNow`."""

    def ask(
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        warning: str,
        body: Mapping[str, JsonValue],
    ) -> WarningAnswer:
        asked = door.act(actor, source, command_id, verb, warning, body)
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result(WAIT_S)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late

    return ask
