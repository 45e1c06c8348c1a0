"""`forms.signal_ports.Signals` over the store of signals, which is only read, and the web store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, func, select

from audit.entry import EntryDraft, What, Where, Who
from audit.outbox import record
from cases import signal_rows
from cases.database import reading
from cases.incidents.windows import Window
from cases.messages import Actor
from cases.signal_tables import refused_signal, signal
from cases.signal_windows import PlannedWindow, WindowRefused, lift, plan, planned
from catalogue.grid import Grid
from catalogue.incident_types import IncidentTypes
from forms.signal_ports import (
    PER_PAGE,
    ShownRefusal,
    ShownSignal,
    ShownTurn,
    ShownWindow,
    WindowPlan,
)

STREAM: Final = "sys:windows"
PLANNED: Final = "window_planned"
LIFTED: Final = "window_lifted"
LAST_REFUSED: Final = 50


@dataclass(frozen=True)
class WebSignals:
    """Reads what came; plans and lifts windows, each with its entry in the same transaction."""

    signals: Engine
    web: Engine
    incident_types: IncidentTypes
    grid: Grid
    names: Callable[[Sequence[str]], Mapping[str, str]]
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def counts(self) -> Mapping[str, int]:
        with reading(self.signals) as connection:
            return signal_rows.counts(connection)

    def listing(self, state: str, page: int) -> tuple[Sequence[ShownSignal], int]:
        query = select(signal)
        counted = select(func.count()).select_from(signal)
        if state:
            query = query.where(signal.c.state == state)
            counted = counted.where(signal.c.state == state)
        query = query.order_by(signal.c.n.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
        with reading(self.signals) as connection:
            rows = connection.execute(query).all()
            return [_shown(row) for row in rows], connection.execute(counted).scalar_one()

    def one(self, signal_id: str) -> tuple[ShownSignal, Sequence[ShownTurn]] | None:
        with reading(self.signals) as connection:
            row = signal_rows.rows_of(connection, [signal_id]).get(signal_id)
            if row is None:
                return None
            fates = signal_rows.fates(connection, signal_id)
        turns = [ShownTurn(one.at, one.state, one.incident_id, one.because) for one in fates]
        return _shown(row), turns

    def refused(self) -> Sequence[ShownRefusal]:
        table = refused_signal.c
        query = select(refused_signal).order_by(table.n.desc()).limit(LAST_REFUSED)
        with reading(self.signals) as connection:
            rows = connection.execute(query).all()
        return [
            ShownRefusal(row.sender, row.subject, row.field, row.reason, row.remedy, row.at)
            for row in rows
        ]

    def types(self, english: bool = False) -> Mapping[str, str]:
        return {one.code: one.english if english else one.name for one in self.incident_types.types}

    def places(self, english: bool = False) -> tuple[Mapping[str, str], Mapping[str, str]]:
        districts = {one.code: one.named(english) for one in self.grid.districts}
        return districts, {one.department: one.named(english) for one in self.grid.streets}

    # --- windows ---------------------------------------------------------------------------------

    def windows(self) -> Sequence[ShownWindow]:
        with reading(self.web) as connection:
            found = planned(connection)
        named = self.names([one.made_by for one in found])
        held = self._held([one.window.id for one in found])
        now = self.now()
        return [
            ShownWindow(
                one.window.id, one.window.type, one.window.source, one.window.district,
                one.window.street, one.window.starts_at, one.window.ends_at, one.reason,
                named.get(one.made_by, one.made_by), _phase(one.window, now),
                held.get(one.window.id, 0),
            )
            for one in found
        ]  # fmt: skip

    def _held(self, windows: Sequence[str]) -> Mapping[str, int]:
        query = (
            select(signal.c.because, func.count().label("n"))
            .where(signal.c.state == "suppressed", signal.c.because.in_(windows))
            .group_by(signal.c.because)
        )
        with reading(self.signals) as connection:
            return {row.because: row.n for row in connection.execute(query)}

    def plan(self, actor: Actor, ip: str, asked: WindowPlan) -> tuple[str, str] | None:
        now = self.now()
        window = Window(
            str(uuid4()), asked.type, asked.source, asked.district, asked.street, None, 0.0,
            asked.starts_at, asked.ends_at,
        )  # fmt: skip
        try:
            with self.web.begin() as connection:
                plan(connection, PlannedWindow(window, asked.reason, actor.id, now))
                self._note(connection, PLANNED, actor, ip, window.id, now)
        except WindowRefused as no:
            return no.field, no.sentence
        return None

    def lift(self, actor: Actor, ip: str, window_id: str) -> str:
        now = self.now()
        try:
            with self.web.begin() as connection:
                lift(connection, window_id, actor.id, now)
                self._note(connection, LIFTED, actor, ip, window_id, now)
        except WindowRefused as no:
            return no.sentence
        return ""

    def _note(
        self, connection: Connection, act: str, actor: Actor, ip: str, window: str, at: datetime
    ) -> None:
        who = Who(
            self.pseudonym_of(actor.id), actor.kind, org=actor.department or None,
            on_behalf=self.pseudonym_of(actor.on_behalf) if actor.on_behalf else None,
        )  # fmt: skip
        record(
            connection,
            EntryDraft(
                id=str(uuid4()), stream=STREAM, at=at, who=who, act=act,
                obj=What("signal_window", window), where=Where(ip=ip or None, svc="web"),
            ),
        )  # fmt: skip


def _phase(window: Window, now: datetime) -> str:
    if window.lifted_at is not None:
        return "lifted"
    if now < window.starts_at:
        return "waiting"
    return "running" if now < window.ends_at else "over"


def _shown(row: Row[Any]) -> ShownSignal:
    return ShownSignal(
        row.id, row.sender, row.source, row.type, row.level, row.district, row.street,
        row.occurred_at, row.received_at, row.state, row.incident_id, row.because,
        bool(row.withdrawn_by),
    )  # fmt: skip
