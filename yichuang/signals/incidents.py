"""Orders of signals as orders to incidents, each in the name of the system that sent its signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from cases.incidents.messages import Join, Report, WithdrawSignal
from cases.incidents.signal import RANK, Level, Signal
from cases.messages import Actor, Frozen, Outcome, Source
from catalogue.incident_types import IncidentTypes
from yichuang.services import CITY_SIGNALS, SIGNALS, Services
from yichuang.signals.ordering import Given, Said
from yichuang.signals.reading import OWN

REMARK: Final = 1000
"""Characters of a remark (GB/T 39046-2020: an..1000)."""


class Door(Protocol):
    """`yichuang.incident_door.IncidentDoor`, as far as signals need it."""

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


class CityIncidents:
    """`ordering.Incidents` over the city's own door."""

    def __init__(self, door: Door, services: Services, types: Callable[[], IncidentTypes]) -> None:
        self._door, self._services, self._types = door, services, types

    async def give(self, order: Given) -> Outcome:
        """Return the answer to an order, a refusal where its sender is no source any more."""
        sender = order.said[0].heard.sender
        actor = self._actor(CITY_SIGNALS if sender in OWN else sender)
        if actor is None:
            return Outcome(
                command_id=order.command_id, case_id=order.incident_id, status="refused",
                code="unknown_sender", reason=f"没有登记系统用户 {sender}，或它不是信号来源系统",
            )  # fmt: skip
        verb, body = self._body(order)
        source = Source(door="nats", message=f"{sender} {order.said[0].heard.id}"[:400])
        return await self._door.order(
            actor, source, order.command_id, order.incident_id, verb,
            body.model_dump(mode="json"), order.said[0].received_at,
        )  # fmt: skip

    def _actor(self, user: str) -> Actor | None:
        found = self._services.find(user)
        if found is None:
            return None
        held = [grant.department for grant in found.grants if grant.role == SIGNALS]
        return found.actor(held[0]) if held else None

    def _body(self, order: Given) -> tuple[str, Frozen]:
        if order.verb == "report":
            return "report", self._report(order.said[0])
        if order.verb == "join":
            return "join", _join(order.said)
        return "withdraw_signal", WithdrawSignal(
            signal_ids=order.withdrawn, text=_told([one.words for one in order.said])
        )

    def _report(self, said: Said) -> Report:
        heard, words = said.heard, said.words
        kind = self._types().by_code.get(heard.type)
        title = words.title if words else kind.name if kind else heard.type
        lon, lat = heard.point or (None, None)
        place = {"lon": lon, "lat": lat, "district": heard.district}
        if words is not None:
            place["address"] = words.place.address
        return Report.model_validate(
            {
                "type": heard.type, "title": title,
                "text": words.text if words else "", "place": place,
                "occurred_at": heard.occurred_at, "source": heard.source,
                "signal_ids": (heard.id,), "level": heard.level,
                "reporter": words.reporter if words else None,
            }
        )  # fmt: skip


def _join(said: Sequence[Said]) -> Join:
    """Return one order for several signals: the highest of their levels, and what they add."""
    level: Level = min((_level(one) for one in said), key=RANK.__getitem__)
    sources = dict.fromkeys(one.heard.source for one in said)
    return Join(
        signal_ids=tuple(one.heard.id for one in said), source="、".join(sources)[:100],
        level=level, text=_told([one.words for one in said]),
    )  # fmt: skip


def _level(one: Said) -> Level:
    level: Level = one.heard.level  # type: ignore[assignment]  # read as one, written as text
    return level


def _told(words: Sequence[Signal | None]) -> str:
    """Return what was said, each sentence once, as far as a remark holds it."""
    said = dict.fromkeys((one.text or one.title) for one in words if one is not None)
    return "；".join(said)[:REMARK]
