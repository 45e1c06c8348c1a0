"""Signals for the pages: into stream SIG as NATS user `web`, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError
from sqlalchemy import ColumnElement, Engine, Row, and_, or_, select

from cases.database import reading
from cases.incident_tables import incident
from cases.incidents.signal import Signal, SignalReceipt
from cases.messages import Actor
from cases.reception import NotNow
from cases.signal_rows import fates
from cases.signal_tables import signal, signal_turn
from catalogue.cap_sources import CapSource, CapSources
from catalogue.grid import Grid
from catalogue.incident_types import IncidentTypes
from catalogue.load import Catalogue
from forms.entrance_ports import Where
from forms.intake_ports import CapAnswer, PublicReport, ReportQuery, SignalFate
from yichuang.bus import connect
from yichuang.cap_intake import CapIntake
from yichuang.settings import SettingMissing, Settings
from yichuang.signals.door import SignalDoor

OPEN311 = "open311"
"""First word of the sources of the public's own reports."""
T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Run what blocks in a thread of its own."""
    return await asyncio.to_thread(work)


class BusDoor:
    """The door of signals over a connection that is made when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def submit(self, one: Signal) -> SignalReceipt:
        """Lay a signal into the stream. Raises `NotNow`."""
        try:
            async with self._connecting:
                if self._client is None or self._client.is_closed:
                    self._client = await connect(self._settings, "web", attempts=0)
        except (NatsError, OSError, SettingMissing, TimeoutError) as away:
            raise NotNow(f"信号暂不能收下，请原样再发一次：{away}") from away
        return await SignalDoor(self._client.jetstream(), self._settings.city, "web").submit(one)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


class WebIntake:
    """`forms.intake_ports.Signals` over the stream, the store of signals and that of cases."""

    def __init__(
        self,
        door: Any,
        signals: Engine,
        cases: Engine,
        web: Engine,
        sources: CapSources,
        catalogue: Callable[[], Catalogue],
        pseudonym_of: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        """`door`: a `BusDoor`, or what has its `submit`. `signals` and `cases` are only read."""
        self._door, self._signals, self._cases = door, signals, cases
        self._catalogue = catalogue
        self._cap = CapIntake(web, sources, catalogue, self.submit, aside, pseudonym_of, now)

    def types(self) -> IncidentTypes:
        return self._catalogue().incident_types

    def grid(self) -> Grid:
        return self._catalogue().grid

    async def submit(self, one: Signal) -> SignalReceipt:
        receipt: SignalReceipt = await self._door.submit(one)
        return receipt

    async def take_cap(self, actor: Actor, where: Where, body: bytes) -> CapAnswer:
        return await self._cap.take(actor, where, body)

    async def take_pulled(self, actor: Actor, source: CapSource, body: bytes) -> CapAnswer:
        """Take a document of a source's own feed. Raises `NotNow`."""
        where = Where(ip="", agent=f"feed:{source.sender}")
        return await self._cap.take(actor, where, body, source.sender)

    def fates(self, signal_id: str) -> Sequence[SignalFate]:
        with reading(self._signals) as connection:
            found = fates(connection, signal_id)
        return [SignalFate(f.signal_id, f.state, f.incident_id, f.because, f.at) for f in found]

    def reports(self, query: ReportQuery) -> Sequence[PublicReport]:
        """Return reports of the public; those refused as no signal at all are not among them."""
        with reading(self._signals) as connection:
            rows = connection.execute(
                select(signal)
                .where(_asked(query))
                .order_by(signal.c.occurred_at.desc(), signal.c.n.desc())
                .limit(query.limit if query.is_open is None else 5 * query.limit)
            ).all()
            turned = _turned(connection, [row.id for row in rows])
        stages = self._stages({row.incident_id for row in rows} - {""})
        found = [_report(row, stages.get(row.incident_id), turned.get(row.id)) for row in rows]
        wanted = [one for one in found if query.is_open in (None, one.is_open)]
        return wanted[: query.limit]

    def _stages(self, ids: set[str]) -> dict[str, Any]:
        columns = (incident.c.id, incident.c.stage, incident.c.is_open, incident.c.lead,
                   incident.c.updated_at)  # fmt: skip
        with reading(self._cases) as connection:
            rows = connection.execute(select(*columns).where(incident.c.id.in_(sorted(ids))))
            return {row.id: row for row in rows}


def _asked(query: ReportQuery) -> ColumnElement[bool]:
    asked: list[ColumnElement[bool]] = [
        signal.c.sender == "web",
        or_(signal.c.source == OPEN311, signal.c.source.startswith(f"{OPEN311}/")),
        signal.c.change == "new",
    ]
    if query.ids:
        asked.append(signal.c.id.in_(list(query.ids)))
    if query.types:
        asked.append(signal.c.type.in_(list(query.types)))
    if query.since is not None:
        asked.append(signal.c.occurred_at >= query.since)
    if query.until is not None:
        asked.append(signal.c.occurred_at <= query.until)
    return and_(*asked)


def _turned(connection: Any, ids: Sequence[str]) -> dict[str, datetime]:
    """Return when last anything became of each."""
    rows = connection.execute(
        select(signal_turn.c.signal_id, signal_turn.c.at)
        .where(signal_turn.c.signal_id.in_(list(ids)))
        .order_by(signal_turn.c.n)
    )
    return {row.signal_id: row.at for row in rows}


def _report(row: Row[Any], of: Any | None, turned: datetime | None) -> PublicReport:
    # A report that waits for others of its burst, or whose incident is being opened, is open.
    over = row.state in ("refused", "duplicate", "suppressed") or bool(row.withdrawn_by)
    updated = max(filter(None, (turned, row.received_at, None if of is None else of.updated_at)))
    return PublicReport(
        id=row.id, type=row.type, state=row.state, stage="" if of is None else of.stage,
        is_open=of.is_open if of is not None else not over,
        lead="" if of is None else of.lead, cell=row.cell, requested_at=row.occurred_at,
        updated_at=updated,
    )  # fmt: skip
