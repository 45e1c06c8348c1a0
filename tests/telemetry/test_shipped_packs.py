"""The packs that ship, asked by telemetry: readings in, the right alarm at the right hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text

from cases.database import reading
from catalogue.load import HERE
from catalogue.stations import Stations, load_stations
from rules.load import load_packs
from rules.pack import Pack
from tests.telemetry.city import fresh_engine, rules_of
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import Reader, ReadingSubject

BEIJING = ZoneInfo("Asia/Shanghai")
SENDER = ReadingSubject("demo", "sthj", "portal")
Reading = tuple[str, str, datetime, float]
"""Station, item, instant, value."""


@lru_cache(maxsize=1)
def shipped() -> tuple[Stations, tuple[Pack, ...]]:
    stations = load_stations(HERE)
    assert isinstance(stations, Stations)
    packs = load_packs().values()
    return stations, tuple(pack for pack in packs if pack.definition.subject == "reading")


def alarms(folder: Path, readings: Iterable[Reading]) -> list[tuple[str, str, str]]:
    """Return (rule, raised, cleared) in Beijing's hours; cleared empty while it stands."""
    stations, packs = shipped()
    rules = rules_of(packs, stations=stations)
    engine = fresh_engine(folder)
    store = ReadingStore(engine, stations, rules, Telling("demo", "https://x", stations, rules))
    rows = [
        {
            "station": station, "item": item, "at": at.astimezone(UTC).isoformat(),
            "value": value, "unit": stations.item_by_id[item].unit,
        }
        for station, item, at, value in readings
    ]  # fmt: skip
    now = max(at for _, _, at, _ in readings) + timedelta(hours=1)
    for first in range(0, len(rows), 500):
        event = {
            "specversion": "1.0", "id": f"m{first}", "source": "/t",
            "type": "cn.demo.telemetry.readings.v1",
            "data": {"readings": rows[first : first + 500]},
        }  # fmt: skip
        read = Reader(stations, "demo").read(SENDER, orjson.dumps(event), None, now)
        store.take([Delivery(first + 1, str(SENDER), read)], now)
    query = """SELECT a.rule, a.raised_at, a.cleared_at FROM reading_alarm a
      WHERE a.withdrawn = 0 ORDER BY a.raised_at, a.rule"""
    with reading(engine) as connection:
        return [
            (rule, local(up), local(down)) for rule, up, down in connection.execute(text(query))
        ]


def local(hour: Any) -> str:
    if hour is None:
        return ""
    return datetime.fromtimestamp(hour * 3600, BEIJING).strftime("%m-%d %H")


def hourly(station: str, item: str, start: datetime, values: Iterable[float]) -> list[Reading]:
    return [(station, item, start + timedelta(hours=n), v) for n, v in enumerate(values)]


def test_the_limit_of_2026_raises_in_the_hour_it_comes_into_force(tmp_path: Path) -> None:
    start = datetime(2026, 2, 27, 0, tzinfo=BEIJING)
    found = alarms(tmp_path, hourly("yunxi-park", "pm25", start, [70] * 72))
    assert found == [("GB3095-2026-PM25-24H-2", "03-01 00", "")]


def test_a_mean_without_twenty_valid_hours_raises_nothing(tmp_path: Path) -> None:
    start = datetime(2026, 5, 1, 0, tzinfo=BEIJING)
    assert alarms(tmp_path, hourly("yunxi-park", "pm25", start, [300] * 19)) == []


def test_the_twentieth_hour_raises(tmp_path: Path) -> None:
    start = datetime(2026, 5, 1, 0, tzinfo=BEIJING)
    found = alarms(tmp_path, hourly("yunxi-park", "pm25", start, [300] * 20))
    assert found == [("GB3095-2026-PM25-24H-2", "05-01 19", "")]


def test_a_reserve_keeps_class_1(tmp_path: Path) -> None:
    start = datetime(2026, 5, 1, 0, tzinfo=BEIJING)
    found = alarms(tmp_path, hourly("yunling-reserve", "pm25", start, [36] * 24))
    assert found == [("GB3095-2026-PM25-24H-1", "05-01 19", "")]
    (tmp_path / "other").mkdir()
    assert alarms(tmp_path / "other", hourly("yunxi-park", "pm25", start, [36] * 24)) == []


def test_a_night_is_noisier_than_a_day_at_the_same_level(tmp_path: Path) -> None:
    """Zone 1: 50 dB(A) breaks the night's 45 from 22:00, held two hours; the day's 55
    never; it ends with the night."""
    start = datetime(2026, 5, 1, 12, tzinfo=BEIJING)
    found = alarms(tmp_path, hourly("school-road", "noise", start, [50] * 20))
    assert found == [("GB3096-1-NIGHT", "05-01 23", "05-02 06")]


def test_a_section_two_classes_below_its_target(tmp_path: Path) -> None:
    start = datetime(2026, 5, 1, 8, tzinfo=BEIJING)
    values = [5, 5, 11, 11, 5, 5, 5, 5, 5, 5]
    found = alarms(tmp_path, hourly("yunxi-bridge", "codmn", start, values))
    assert found == [("WATER-DOWN-2", "05-01 10", "05-01 15")]
