"""Messages of readings: what is taken from one, and what is refused, each with its place.

A message is one CloudEvent with up to 1,000 readings. One that cannot be taken names its field and
the remedy; the others of the message go on. Only a message that is none at all is refused whole.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from cases.windows import MICRO
from catalogue.stations import Item, Station, Stations
from yichuang.events import Event, EventInvalid, from_document, parse_time, read

TYPE = "telemetry.readings"
MOST_READINGS = 1_000
"""Readings of one message (design: about 0.4 MB)."""

AHEAD = timedelta(minutes=10)
"""How far a sensor's clock may be ahead of ours; beyond it the clock is wrong, not the world."""
FORECAST_AHEAD = timedelta(days=30)
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A sensor whose clock has lost its battery says 1970."""

FLAGS = frozenset({"ok", "suspect", "calibration", "maintenance", "fault", "missing"})
"""What a sensor may say of its own reading. Only `ok` counts in a mean. HJ 212 calls them
N 正常、D 故障、M 维护、C 校准、S 可疑 and so on; `missing` is a gap that is known of."""
OUT_OF_RANGE = "range"
"""Our own flag: outside what the instrument can say."""

FIELDS = frozenset({"station", "item", "at", "value", "unit", "flag", "forecast", "revision"})
MOST_REVISION = 99

_SUBJECT = re.compile(
    r"tel\.(?P<city>[a-z0-9-]+)\.(?P<department>[a-z0-9-]+)\.(?P<user>[a-z0-9-]+)\.readings"
)


@dataclass(frozen=True)
class ReadingSubject:
    """What a subject says of readings: who sends them, for which department."""

    city: str
    department: str
    user: str

    def __str__(self) -> str:
        return f"tel.{self.city}.{self.department}.{self.user}.readings"


def parse_subject(subject: str) -> ReadingSubject | None:
    """Return the parts of a `tel.…` subject, None when it is not of our form."""
    match = _SUBJECT.fullmatch(subject)
    return ReadingSubject(**match.groupdict()) if match else None


@dataclass(frozen=True, slots=True)
class Refused:
    """A reading that is not taken. `place` counts from 0; -1 is the whole message."""

    place: int
    field: str
    reason: str
    remedy: str
    body: str


SeriesKey = tuple[str, str, str]
"""(station, item, observed or forecast)"""
Taken = tuple[int, SeriesKey, int, int | None, str, int]
"""(place, series, second, millionths, flag or empty, revision)"""


@dataclass
class Parsed:
    """What one message says."""

    event_id: str = ""
    source: str = ""
    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class _No(Exception):
    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.field, self.reason, self.remedy = name, reason, remedy


class Reader:
    """Reads messages for one list of stations. Not for several threads at once."""

    def __init__(self, stations: Stations, city: str) -> None:
        self._stations = stations
        self._city = city
        self._known: dict[tuple[str, str], tuple[Station, Item]] = {
            (station.id, item): (station, stations.item_by_id[item])
            for station in stations.stations
            for item in station.items
        }

    def read(
        self,
        subject: ReadingSubject,
        body: bytes,
        headers: Mapping[str, str] | None,
        now: datetime,
    ) -> Parsed:
        """Return what the message says at an instant. Raises `EventInvalid` for one that is none
        of ours as a whole."""
        event = _event(body, headers)
        expected = f"cn.{self._city}.{TYPE}.v1"
        if event.type != expected:
            raise EventInvalid("type", f"应为 {expected}")
        readings = event.data.get("readings") if isinstance(event.data, dict) else None
        if not isinstance(readings, list) or not readings:
            raise EventInvalid("data.readings", "应是读数的列表，至少一条")
        if len(readings) > MOST_READINGS:
            raise EventInvalid(
                "data.readings", f"{len(readings)} 条，超过 {MOST_READINGS} 条；请分几次发送"
            )
        parsed = Parsed(event.id, event.source)
        self._take_all(parsed, readings, subject.department, now)
        return parsed

    def _take_all(
        self, parsed: Parsed, readings: list[Any], department: str, now: datetime
    ) -> None:
        ahead = int((now + AHEAD).timestamp())
        forecast_ahead = int((now + FORECAST_AHEAD).timestamp())
        seconds: dict[str, int] = {}
        for place, one in enumerate(readings):
            try:
                # The usual reading in a few look-ups; whatever is odd is looked at closely.
                station, item = self._known[one["station"], one["item"]]
                at = seconds.get(one["at"])
                if at is None:
                    at = _second(one, seconds)
                value = one["value"]
                if (
                    type(value) not in (float, int)
                    or station.department != department
                    or one["unit"] != item.unit
                    or not FIELDS >= one.keys()
                ):
                    raise LookupError
                flag = one.get("flag", "ok")
                revision = one.get("revision", 0)
                if flag != "ok" or revision != 0 or "forecast" in one or at > ahead:
                    raise LookupError
                if not item.least <= value <= item.most:
                    raise LookupError
                parsed.taken.append(
                    (place, (station.id, item.id, "observed"), at, round(value * MICRO), "", 0)
                )
            except (LookupError, TypeError, AttributeError, _No):
                try:
                    parsed.taken.append(
                        self._closely(place, one, department, seconds, ahead, forecast_ahead)
                    )
                except _No as no:
                    parsed.refused.append(
                        Refused(place, f"data.readings[{place}].{no.field}".rstrip("."),
                                no.reason, no.remedy, _shown(one))
                    )  # fmt: skip

    def _closely(
        self,
        place: int,
        one: Any,
        department: str,
        seconds: dict[str, int],
        ahead: int,
        forecast_ahead: int,
    ) -> Taken:
        """Return the reading, or raise `_No` with the first field that is at fault."""
        if not isinstance(one, dict):
            raise _No("", "应是一个 JSON 对象", "写成 {station, item, at, value, unit}")
        for name in one.keys() - FIELDS:
            raise _No(str(name)[:60], "没有这个字段", f"只用 {'、'.join(sorted(FIELDS))}")
        station, item = self._source(one, department)
        is_forecast = one.get("forecast", False)
        if not isinstance(is_forecast, bool):
            raise _No("forecast", "应是 true 或 false", "实测读数可不写")
        at = _second(one, seconds)
        if at > (forecast_ahead if is_forecast else ahead):
            raise _No(
                "at", "时间在将来：设备时钟不准",
                "校准设备时钟；预报读数请写 forecast: true（至多 30 天后）",
            )  # fmt: skip
        flag = one.get("flag", "ok")
        if flag not in FLAGS:
            raise _No("flag", f"没有标识 {str(flag)[:40]!r}", f"只用 {'、'.join(sorted(FLAGS))}")
        revision = one.get("revision", 0)
        if type(revision) is not int or not 0 <= revision <= MOST_REVISION:
            raise _No("revision", "应是 0 到 99 的整数", "更正过的读数逐次加 1")
        value = _value(one, flag)
        if one.get("unit") != item.unit:
            raise _No(
                "unit", f"单位 {str(one.get('unit'))[:40]!r} 与登记的不同",
                f"{item.zh} 请用 {item.unit}，先换算再发送",
            )  # fmt: skip
        if value is not None and flag == "ok" and not item.least <= value <= item.most:
            flag = OUT_OF_RANGE
        kept = None if value is None else round(value * MICRO)
        key = (station.id, item.id, "forecast" if is_forecast else "observed")
        return place, key, at, kept, "" if flag == "ok" else flag, revision

    def _source(self, one: Mapping[str, Any], department: str) -> tuple[Station, Item]:
        for name in ("station", "item"):
            if not isinstance(one.get(name), str):
                raise _No(name, "缺少，或不是文字", "写监测站和监测项目的标识")
        station = self._stations.station_by_id.get(one["station"])
        if station is None:
            raise _No(
                "station", f"没有登记监测站 {one['station'][:60]!r}",
                "核对标识，或先在 catalogue/stations.yaml 登记",
            )  # fmt: skip
        if station.department != department:
            raise _No(
                "station", f"监测站属于 {station.department}，主题写的是 {department}",
                "用该部门的主题发送",
            )  # fmt: skip
        if one["item"] not in station.items:
            raise _No(
                "item", f"{station.zh}不监测 {one['item'][:60]!r}",
                f"只用 {'、'.join(station.items)}",
            )  # fmt: skip
        return station, self._stations.item_by_id[one["item"]]


def _second(one: Mapping[str, Any], seconds: dict[str, int]) -> int:
    text = one.get("at")
    if not isinstance(text, str):
        raise _No("at", "缺少，或不是文字", "写 RFC 3339 时间，例如 2026-11-22T09:00:00+08:00")
    at = seconds.get(text)
    if at is None:
        try:
            moment = datetime.fromisoformat(text) if _is_usual(text) else parse_time(text)
        except ValueError as wrong:
            raise _No("at", "没有这个日期或时刻", "写真实的日期和时刻") from wrong
        except EventInvalid as wrong:
            raise _No("at", wrong.reason, "带时区写全，例如 2026-11-22T09:00:00+08:00") from wrong
        if moment < OLDEST:
            raise _No("at", "早于 2000 年：设备时钟不准", "校准设备时钟后重发")
        at = seconds[text] = int(moment.timestamp())
    return at


def _is_usual(text: str) -> bool:
    """Whether a text has the one spelling that Python reads exactly as RFC 3339 does, and fast."""
    return (
        len(text) == 25
        and text[10] == "T"
        and text[4] == text[7] == "-"
        and text[5] in "01"
        and text[13] == text[16] == text[22] == ":"
        and text[11:13] < "24"
        and text[19] in "+-"
    )


def _value(one: Mapping[str, Any], flag: str) -> float | None:
    value = one.get("value")
    if value is None:
        if flag == "ok":
            raise _No("value", "缺少数值", "没有数值的读数请写 flag: missing")
        return None
    if type(value) not in (int, float):
        raise _No("value", f"{str(value)[:40]!r} 不是数", "写 JSON 数，不加引号")
    if not math.isfinite(value):
        raise _No("value", f"{value} 不是数", "没有数值的读数请写 value: null 和 flag: missing")
    if abs(value) > 1e9:
        raise _No("value", f"{value} 太大", "核对单位")
    return float(value)


def _event(body: bytes, headers: Mapping[str, str] | None) -> Event:
    try:
        return read(body, headers)
    except EventInvalid as wrong:
        # NaN and Infinity are no JSON (RFC 8259 §6), yet sensors write them: the reading is
        # refused further on, its neighbours are taken.
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise wrong from None
        if not isinstance(document, dict) or "data" not in document:
            raise
        return from_document(document)


def _shown(one: Any) -> str:
    try:
        return orjson.dumps(one).decode()[:2000]
    except (TypeError, ValueError):
        return repr(one)[:2000]
