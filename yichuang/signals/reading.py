"""Messages of signals: what is taken from one, and what is refused, with field, reason, remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from cases.incidents.gathering import Burst, Heard, Kind
from cases.incidents.signal import Signal, content_digest, signal_id
from catalogue.grid import Grid
from catalogue.incident_types import IncidentType, IncidentTypes
from yichuang.events import EventInvalid, read
from yichuang.signals.door import TYPE

AHEAD: Final = timedelta(minutes=10)
"""How far a sender's clock may be ahead of ours; beyond it the clock is wrong, not the world. As
for readings."""
LATEST: Final = timedelta(days=30)
"""How late a signal may come: beyond it nothing can be done at once, and a person enters it."""
OWN: Final = frozenset({"web", "signals"})
"""Our own NATS users: they speak for sources of any name. An outside system speaks for itself."""

_WORDS: Final = {
    "missing": ("缺少", "写上它"),
    "extra_forbidden": ("没有这个字段", "去掉它，或改正拼写"),
    "reference_missing": ("变更和撤回要写明所指的 reference", "写上原信号的 reference"),
    "timezone_aware": ("时刻没有时区", "带时区写全，例如 2026-11-27T09:00:00+08:00"),
}


@dataclass(frozen=True)
class Taken:
    """A signal that can be taken: what is compared, and what it says."""

    heard: Heard
    signal: Signal
    cell: str


class SignalRefused(Exception):
    """A message that cannot be taken. Final. `signal_id` is empty where none can be told."""

    def __init__(self, field: str, reason: str, remedy: str, signal_id: str = "") -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.remedy, self.signal_id = field, reason, remedy, signal_id


def kind_of(one: IncidentType) -> Kind:
    """Return what a type says of merging."""
    burst = one.burst
    return Kind(
        one.code, one.merge_radius_m, one.merge_minutes,
        None if burst is None else Burst(burst.count, burst.minutes, burst.by),
    )  # fmt: skip


class SignalReader:
    """Reads messages for one city."""

    def __init__(
        self,
        city: str,
        catalogue: Callable[[], tuple[IncidentTypes, Grid]],
        may: Callable[[str], bool],
        spot: Callable[[str], str],
    ) -> None:
        """`may(user)`: may that system send signals; `spot` makes an address's pseudonym."""
        self._city, self._catalogue, self._may, self._spot = city, catalogue, may, spot

    def kinds(self) -> Mapping[str, Kind]:
        """Return what each type says of merging, by its code."""
        return {one.code: kind_of(one) for one in self._catalogue()[0].types}

    def read(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None, now: datetime
    ) -> Taken:
        """Return the signal of a message of stream SIG. Raises `SignalRefused`."""
        words = subject.split(".")
        if len(words) != 5 or words[:2] != ["sig", self._city]:
            raise SignalRefused("subject", "主题应为 sig.<市>.<用户>.<类型>.<通道>", "改正主题")
        sender = words[2]
        if sender not in OWN and not self._may(sender):
            raise SignalRefused(
                "subject",
                f"没有登记系统用户 {sender}，或它不是信号来源系统",
                "请系统管理员授予角色",
            )
        try:
            event = read(body, headers)
        except EventInvalid as wrong:
            raise SignalRefused(wrong.field, wrong.reason, "改正后重新发送") from wrong
        if event.type != TYPE:
            raise SignalRefused("type", f"应为 {TYPE}", "改正后重新发送")
        return self.take(_signal(event.data), sender, now)

    def take(self, signal: Signal, sender: str, now: datetime) -> Taken:
        """Return a signal as it is compared. Raises `SignalRefused`."""
        known_as = signal_id(sender, signal.source, signal.id)
        types, grid = self._catalogue()
        kind = types.by_code.get(signal.type)
        no = _fault(signal, sender, kind, now)
        if no is not None:
            raise SignalRefused(*no, known_as)
        assert kind is not None
        place = signal.place
        cell = grid.cell_at(place.lon, place.lat) or grid.cell_by_id.get(place.cell)
        heard = Heard(
            id=known_as, sender=sender, source=signal.source, type=signal.type,
            level=signal.level or kind.level_default, occurred_at=signal.occurred_at,
            point=place.point, district=cell.district if cell else place.district,
            street=cell.department if cell else "",
            spot=self._spot(place.address) if place.address else "",
            reference=signal.reference, change=signal.change, digest=content_digest(signal),
        )  # fmt: skip
        return Taken(heard, signal, cell.id if cell else "")


def _fault(
    signal: Signal, sender: str, kind: IncidentType | None, now: datetime
) -> tuple[str, str, str] | None:
    """Return field, reason and remedy of what forbids to take a signal."""
    if sender not in OWN and signal.source.partition("/")[0] != sender:
        return (
            "data.source", f"{signal.source} 不是发送的系统", f"写 {sender}，或以 {sender}/ 开头"
        )  # fmt: skip
    if kind is None:
        return (
            "data.type", f"没有突发事件类型 {signal.type}", "用类型目录中的代码"
        )  # fmt: skip
    if signal.occurred_at > now + AHEAD:
        return "data.occurred_at", "时刻在将来：时钟不准", "校准时钟后重发"
    if signal.occurred_at < now - LATEST:
        return "data.occurred_at", "已过三十日", "由值班员在网页补录"
    return None


def _signal(data: object) -> Signal:
    try:
        return Signal.model_validate(data)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(one) for one in ("data", *first["loc"]))
        reason, remedy = _WORDS.get(first["type"], (first["msg"], "按公布的模式改正后重新发送"))
        raise SignalRefused(path[:200], reason, remedy) from wrong


def digest_of(body: bytes) -> str:
    """Return the hex SHA-256 of a message as it came."""
    return hashlib.sha256(body).hexdigest()
