"""`simulate`: a proposed version is tried over the past, beside the worker; its dossier is kept.

The work is done by a process of its own, so that no clerk waits for it; what it answers is
committed with its entry in one transaction. An attempt that died before has left nothing, or the
dossier itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.entries import here
from activities.releasing import stream_of
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases import dossier_rows, releases
from cases.database import reading
from cases.dossier import Dossier
from cases.dossier_rows import SimulationMade, SimulationOrder
from cases.releases import Release

BUSY = "SimulationBusy"
"""Type of the failure by which an attempt leaves because another simulation runs here."""
AGAIN_AFTER = timedelta(seconds=5)

Progress = Callable[[str, int], None]


class Simulator(Protocol):
    """Tries a version over the past, somewhere else."""

    def __call__(self, order: SimulationOrder, progress: Progress) -> Awaitable[Dossier]:
        """Return the dossier; `progress` is called with every page. Raises when it could not."""
        ...


class DossierOfAnother(Exception):
    """The dossier is not of the order: impossible; stop and have it looked at."""


class Simulating:
    """Makes dossiers, one at a time. One per worker process."""

    def __init__(self, engine: Engine, simulator: Simulator, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._simulator = simulator
        self._now = now
        self._one = asyncio.Lock()

    @activity.defn(name="simulate")
    async def simulate(self, order: SimulationOrder) -> SimulationMade:
        """Return what the dossier says; one that an earlier attempt has kept is found."""
        kept = await asyncio.to_thread(self._kept, order)
        if kept is not None:
            return kept
        if self._one.locked():
            # It must not wait here: a place among the worker's activities is a clerk's.
            raise ApplicationError(
                "另一份卷宗正在重放，稍后再来", type=BUSY, next_retry_delay=AGAIN_AFTER
            )
        async with self._one:
            made = await self._simulator(order, activity.heartbeat)
        return await asyncio.to_thread(self._keep, order, made)

    def _kept(self, order: SimulationOrder) -> SimulationMade | None:
        with reading(self._engine) as connection:
            found = dossier_rows.find(connection, order.id)
        return None if found is None else found.made

    def _keep(self, order: SimulationOrder, made: Dossier) -> SimulationMade:
        if (made.release, made.proposed.digest) != (order.release, order.release_digest):
            raise DossierOfAnother(f"expected {order.release}, found {made.release}")
        at = self._now()
        with self._engine.begin() as connection:
            found = dossier_rows.find(connection, order.id)
            if found is not None:
                return found.made
            release = releases.find(connection, order.release)
            dossier_rows.put(connection, order, made, at)
            record(connection, _entry(order, made, release, at))
        return SimulationMade(id=order.id, digest=made.digest, passed=made.passed, words=made.words)


def _entry(order: SimulationOrder, made: Dossier, release: Release, at: datetime) -> EntryDraft:
    """Return the entry of a dossier: what was compared, and the digest of the whole."""
    failed = [one.name for one in made.checks if not one.passed]
    return EntryDraft(
        id=entry_id(order.id, "dossier"),
        stream=stream_of(release),
        at=at,
        who=Who("system", "system"),
        act="release_dossier",
        obj=What("dossier", order.id, f"{made.current.version} -> {release.version}", made.digest),
        res="deny" if failed else "ok",
        why="、".join(failed) if failed else made.words,
        where=Where(svc="worker"),
        wf=here(),
    )
