"""Signals that are taken as soon as they are handed in: the real reader and store, no stream."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from audit.vault import SubjectVault
from cases.incidents.signal import Signal, SignalReceipt, incident_of, signal_id
from cases.reception import NotNow
from catalogue.load import Catalogue
from yichuang.signals.reading import SignalReader, SignalRefused
from yichuang.signals.store import Delivery, SignalStore


class TakenAtOnce:
    """What `SignalDoor` is, with the signals process behind it already done."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self.reader = SignalReader(
            "demo", lambda: (catalogue.incident_types, catalogue.grid), lambda _: True,
            lambda address: f"{hash(address):x}",
        )  # fmt: skip
        vault = SubjectVault(engine, b"s" * 32)
        self.store = SignalStore(engine, vault, self.reader.kinds, incident_of)
        self.said: list[Signal] = []
        self.away = False

    async def submit(self, one: Signal) -> SignalReceipt:
        if self.away:
            raise NotNow("信号暂不能收下")
        known_as, at = signal_id("web", one.source, one.id), datetime.now(UTC)
        delivery = Delivery(
            len(self.said), "sig.demo.web.x.plain", "web", one.id.encode(), None
        )  # fmt: skip
        try:
            delivery.taken = self.reader.take(one, "web", at)
        except SignalRefused as no:
            delivery.refused = no
        self.store.take([delivery], at)
        self.said.append(one)
        return SignalReceipt(id=known_as, repeated=delivery.repeated)
