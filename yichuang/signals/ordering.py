"""Orders to incidents: given after the commit that they follow from, until each has its answer.

An order bears its command id before it is given, so that a crash gives the same order again, and
gets the answer that it got. What joins one incident goes in the order in which it came, many in one
order; incidents go beside one another, red ones first and with room kept for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import Engine, Row
from sqlalchemy.exc import InterfaceError, OperationalError

from audit.vault import KeyDestroyed, SubjectVault
from cases import signal_rows as rows
from cases.database import StoreUnwritable, reading
from cases.incidents.gathering import Heard
from cases.incidents.signal import Signal
from cases.messages import Outcome
from cases.reception import NotNow
from cases.signal_rows import WaitingOrder
from yichuang.signals.store import SignalStore, read_words

AT_ONCE: Final = 16
"""Incidents spoken to at once."""
KEPT_FREE: Final = 4
"""Of these, for red ones alone."""
TOGETHER: Final = 100
"""Signals of one order at most."""
RED: Final = 0
"""Rank of a red signal."""
POLL_SECONDS: Final = 0.5
BACK_OFF_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
RED_BACK_OFF_SECONDS: Final = (0.5, 0.5, 1.0, 1.0)
OVER: Final = frozenset({"incident_over", "unknown_incident"})
"""Refusals that say: this incident takes nothing more. Its signals open another one."""

_log = logging.getLogger("yichuang.signals.ordering")


@dataclass(frozen=True)
class Said:
    """A signal as an incident is told of it. `words` is None when they are destroyed."""

    heard: Heard
    words: Signal | None
    received_at: datetime
    """When it was taken: the limits of the law count from then."""


@dataclass(frozen=True)
class Given:
    """An order to one incident: report its first signal, join more, or take one back."""

    command_id: str
    incident_id: str
    verb: str
    said: tuple[Said, ...]
    withdrawn: tuple[str, ...] = ()
    """Signals of the incident that are taken back."""


class Incidents(Protocol):
    """The door to the incidents."""

    async def give(self, order: Given) -> Outcome:
        """Return the answer, the same for ever for one command id. Raises `NotNow`."""
        ...


class Ordering:
    """Gives the orders that wait, until `stop` is set."""

    def __init__(
        self, engine: Engine, vault: SubjectVault, store: SignalStore, incidents: Incidents
    ) -> None:
        self._engine, self._vault, self._store, self._incidents = engine, vault, store, incidents
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._red: set[str] = set()
        self.given = self.refused = 0

    async def run(self, stop: asyncio.Event, arrived: asyncio.Event) -> None:
        """Give orders until `stop` is set, then finish those under way."""
        try:
            while not stop.is_set():
                for task in [task for task in self._busy.values() if task.done()]:
                    task.result()  # raises what ended it unexpectedly
                self._forget()
                arrived.clear()
                started = await self._start()
                if not started:
                    await self._pause(stop, arrived)
        finally:
            if self._busy:
                await asyncio.wait(self._busy.values(), timeout=5)
                for task in self._busy.values():
                    task.cancel()

    async def _pause(self, stop: asyncio.Event, arrived: asyncio.Event) -> None:
        """Wait until something came, an order was answered, or a moment has passed."""
        waits = [asyncio.create_task(one.wait()) for one in (stop, arrived)]
        await asyncio.wait(
            [*waits, *self._busy.values()], timeout=POLL_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )  # fmt: skip
        for one in waits:
            one.cancel()

    def _forget(self) -> None:
        self._busy = {name: task for name, task in self._busy.items() if not task.done()}
        self._red &= set(self._busy)

    async def _start(self) -> int:
        """Begin to speak to incidents that wait; return to how many."""
        room = AT_ONCE - len(self._busy)
        if room <= 0:
            return 0
        try:
            found = await asyncio.to_thread(self._next, tuple(self._busy), room)
        except (OperationalError, InterfaceError, StoreUnwritable) as away:
            _log.warning("the store of signals cannot be read: %s", away)
            await asyncio.sleep(BACK_OFF_SECONDS[0])
            return 0
        started = 0
        for one in found:
            others = len(self._busy) - len(self._red)
            if one.incident_id in self._busy:
                continue
            if one.rank != RED and others >= AT_ONCE - KEPT_FREE:
                continue
            if one.rank == RED:
                self._red.add(one.incident_id)
            pauses = RED_BACK_OFF_SECONDS if one.rank == RED else BACK_OFF_SECONDS
            self._busy[one.incident_id] = asyncio.create_task(self._speak(one.incident_id, pauses))
            started += 1
        return started

    def _next(self, busy: Sequence[str], room: int) -> list[WaitingOrder]:
        with reading(self._engine) as connection:
            return rows.waiting_orders(connection, room, without=busy)

    async def _speak(self, incident_id: str, pauses: Sequence[float]) -> None:
        """Give one incident what waits for it, one order after the other."""
        failures = 0
        while failures < len(pauses):
            try:
                order = await asyncio.to_thread(self._named, incident_id)
                if order is None:
                    return
                outcome = await self._incidents.give(order)
                await asyncio.to_thread(self._answered, order, outcome)
                failures = 0
            except (NotNow, OperationalError, InterfaceError, StoreUnwritable) as away:
                _log.warning("not now, again soon: %s", away)
                await asyncio.sleep(pauses[failures])
                failures += 1

    def _named(self, incident_id: str) -> Given | None:
        """Return the next order of an incident, bearing its command id for good."""
        with reading(self._engine) as connection:
            waiting = rows.orders_of(connection, incident_id)
        if not waiting:
            return None
        some = _together(waiting)
        command_id = some[0].command_id or f"sig:{some[0].verb}:{some[0].n}:{some[0].signal_id}"
        with self._engine.begin() as connection:
            rows.name_orders(connection, [one.n for one in some], command_id, datetime.now(UTC))
            rows.count_try(connection, command_id)
        with reading(self._engine) as connection:
            found = rows.rows_of(connection, [one.signal_id for one in some])
            back: tuple[str, ...] = ()
            if some[0].verb == "withdraw":
                back = rows.withdrawn_by(connection, some[0].signal_id, incident_id)
        said = [self._said(found[one.signal_id]) for one in some]
        return Given(command_id, incident_id, some[0].verb, tuple(said), back)

    def _said(self, row: Row[Any]) -> Said:
        try:
            text = self._vault.open(row.key_subject, bytes(row.sealed), row.id.encode())
        except KeyDestroyed:
            return Said(rows.heard_of(row), None, row.received_at)
        return Said(rows.heard_of(row), read_words(text), row.received_at)

    def _answered(self, order: Given, outcome: Outcome) -> None:
        """Write the answer; where the incident takes nothing more, its signals go elsewhere."""
        now = datetime.now(UTC)
        signals = [one.heard.id for one in order.said]
        done = outcome.status == "done"
        state, said = ("done", "") if done else ("refused", f"{outcome.code} {outcome.reason}")
        if not done and outcome.code in OVER:
            self._store.reopen(signals, order.incident_id, now)
        elif not done:
            self._store.refuse(signals, order.incident_id, outcome.code, now)
        with self._engine.begin() as connection:
            rows.answer_orders(connection, order.command_id, state, said, now)
        self.given += done
        self.refused += not done


def _together(waiting: Sequence[WaitingOrder]) -> list[WaitingOrder]:
    """Return what goes in one order: what went together before, or several that join."""
    first = waiting[0]
    if first.command_id:
        return [one for one in waiting if one.command_id == first.command_id]
    if first.verb != "join":
        return [first]
    some = []
    for one in waiting[:TOGETHER]:
        if one.verb != "join" or one.command_id:
            break
        some.append(one)
    return some
