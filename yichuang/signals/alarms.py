"""Alarms of readings as signals: what was raised, rose, or is taken back, from stream EVT.

Which pack's alarms are incidents of which type stands in the catalogue; the others are only alarms.
A cleared alarm changes nothing here: what has begun is ended by people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from cases.incidents.place import Place
from cases.incidents.signal import Change, Signal
from catalogue.incident_types import IncidentTypes
from catalogue.stations import Stations
from yichuang.events import EventInvalid, parse_time, read
from yichuang.signals.reading import SignalRefused

SOURCE: Final = "readings"
SENDER: Final = "signals"
CHANGES: Final[Mapping[str, Change]] = {"raised": "new", "updated": "update", "withdrawn": "cancel"}
"""What the last word of an alarm's subject comes to."""


def filters(city: str) -> list[str]:
    """Return the subjects of the alarms that are looked at."""
    return [f"evt.{city}.*.alarm.{kind}" for kind in CHANGES]


class AlarmReader:
    """Turns the event of an alarm into a signal."""

    def __init__(self, types: Callable[[], IncidentTypes], stations: Stations) -> None:
        self._types, self._stations = types, stations

    def read(self, subject: str, body: bytes, headers: Mapping[str, str] | None) -> Signal | None:
        """Return the signal of an alarm, None for one that makes no incident.

        Raises `SignalRefused` for a message that is none of our relay's.
        """
        change = CHANGES.get(subject.rpartition(".")[2])
        try:
            event = read(body, headers)
            data = event.data if isinstance(event.data, dict) else {}
            if change is None or data.get("kind") != "reading":
                return None
            return self._signal(event.id, change, data)
        except (EventInvalid, ValidationError, KeyError, TypeError) as wrong:
            raise SignalRefused(
                "", f"不是警报事件：{wrong}", "请系统管理员核对消息流 EVT"
            ) from wrong

    def _signal(self, event_id: str, change: Change, data: Mapping[str, Any]) -> Signal | None:
        detail = data["detail"]
        kind = self._types().by_alarm.get(detail["pack"])
        if kind is None:
            return None
        return Signal(
            id=event_id, source=SOURCE, type=kind.code, level=detail["level"],
            title=data["text"][:200], text=detail["basis"], place=self._place(detail["station"]),
            occurred_at=parse_time(detail["happened_at"]), reference=data["id"], change=change,
        )  # fmt: skip

    def _place(self, station_id: str) -> Place:
        station = self._stations.station_by_id.get(station_id)
        if station is None:
            return Place()
        return Place(
            lon=station.longitude, lat=station.latitude, address=station.zh,
            district=station.district,
        )  # fmt: skip
