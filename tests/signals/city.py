"""A small city's signals, in a store of their own, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid5

from sqlalchemy import Engine, text

from audit.vault import SubjectVault
from cases.database import open_engine, reading
from cases.incidents.place import Place
from cases.incidents.signal import Signal
from cases.messages import NAMESPACE
from catalogue.grid import Grid
from catalogue.incident_types import Burst, IncidentType, IncidentTypes
from catalogue.load import load_catalogue
from rules.load import load_packs
from yichuang.signals.reading import SignalReader, SignalRefused
from yichuang.signals.store import Delivery, SignalStore
from yichuang.stores import migrate

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
LON, LAT = 112.43, 33.12
METRE = 1 / 111_195
"""Degrees of latitude in a metre."""


def kind(code: str, **more: Any) -> IncidentType:
    words = {
        "code": code, "name": "某类", "english": "some kind", "domain": "city", "kind": "event",
        "merge_radius_m": 100, "merge_minutes": 30, "basis": "TFSJ-3",
    }  # fmt: skip
    return IncidentType.model_validate(words | more)


TYPES = IncidentTypes(
    types=(
        kind("lift", alarms=("lifts",)),
        kind("fire", level_default="orange"),
        kind("noise", burst=Burst(count=5, minutes=60, by="street")),
        kind("smell", burst=Burst(count=3, minutes=60, by="place")),
    )
)


@cache
def grid() -> Grid:
    return load_catalogue(packs=load_packs()).grid


def signal(key: str, type_code: str = "lift", **more: Any) -> Signal:
    """Return a signal; `north` metres from the centre of the city, `minutes` after `NOW`."""
    north, minutes = more.pop("north", 0), more.pop("minutes", 0)
    words: dict[str, Any] = {
        "id": key, "source": "web/page", "type": type_code, "title": "有人报告",
        "occurred_at": NOW + timedelta(minutes=minutes),
        "place": Place(lon=LON, lat=LAT + north * METRE),
    }  # fmt: skip
    return Signal.model_validate(words | more)


def reader(may: Any = lambda _: True) -> SignalReader:
    found = grid()
    return SignalReader("demo", lambda: (TYPES, found), may, lambda address: f"{hash(address):x}")


def incident_of(key: str) -> str:
    return str(uuid5(NAMESPACE, key))


class Town:
    """A store of signals that takes what it is told."""

    def __init__(
        self, folder: Path, windows: Any = lambda: lambda _: "", engine: Engine | None = None
    ) -> None:
        if engine is None:
            engine = open_engine(f"sqlite:///{folder / 'signals.sqlite'}")
            migrate(engine, "signals")
        self.engine: Engine = engine
        self.vault = SubjectVault(self.engine, b"k" * 32)
        self.reader = reader()
        self.store = SignalStore(self.engine, self.vault, self.reader.kinds, incident_of, windows)
        self.sequence = 0

    def deliver(self, *signals: Signal, at: datetime = LATER) -> list[Delivery]:
        """Take signals in one transaction."""
        return self.take([self.delivery(one, at) for one in signals], at)

    def delivery(self, one: Signal, at: datetime = LATER) -> Delivery:
        self.sequence += 1
        made = Delivery(self.sequence, "sig.demo.web.x.plain", "web", one.id.encode(), None)
        try:
            made.taken = self.reader.take(one, "web", at)
        except SignalRefused as no:
            made.refused = no
        return made

    def take(self, deliveries: Sequence[Delivery], at: datetime = LATER) -> list[Delivery]:
        self.store.take(deliveries, at)
        return list(deliveries)

    def states(self) -> dict[str, tuple[str, str]]:
        """Return state and the key of the signal that opened its incident, by key."""
        rows = self.rows("SELECT key, id, state, incident_id FROM signal")
        opened = {incident_of(id): key for key, id, _, _ in rows}
        return {key: (state, opened.get(incident, incident)) for key, _, state, incident in rows}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query)).all()]
