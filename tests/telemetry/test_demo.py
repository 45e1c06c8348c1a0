"""The readings of the demo city are taken whole, and the shipped packs find its episodes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import text

from cases.database import reading
from catalogue.load import HERE
from catalogue.stations import load_stations
from rules.load import load_packs
from tests.telemetry.city import fresh_engine, message, rules_of
from yichuang.demo_readings import USUAL, readings
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import Reader, ReadingSubject

NOW = datetime(2026, 11, 26, 4, 30, tzinfo=UTC)


def test_the_demo_raises_alarms_of_air_water_and_noise_by_the_shipped_packs(
    tmp_path: Path,
) -> None:
    stations = load_stations(HERE)
    packs = [pack for pack in load_packs().values() if pack.definition.subject == "reading"]
    rules = rules_of(packs, None, stations)
    engine = fresh_engine(tmp_path)
    store = ReadingStore(engine, stations, rules, Telling("demo", "x", stations, rules))
    found = list(readings(stations, NOW))
    reader = Reader(stations, "demo")
    numbers = count(1)
    departments = {one.id: one.department for one in stations.stations}
    for department in sorted(set(departments.values())):
        subject = ReadingSubject("demo", department, "portal")
        own = [one for one in found if departments[one["station"]] == department]
        for start in range(0, len(own), 1000):
            number = next(numbers)
            body = message(own[start : start + 1000], number)
            parsed = reader.read(subject, body, None, NOW)
            assert parsed.refused == []
            store.take([Delivery(number, str(subject), parsed)], NOW)
    store.close()
    with reading(engine) as connection:
        raised = connection.execute(text("SELECT DISTINCT pack, station FROM reading_alarm")).all()
    told = {tuple(row) for row in raised}
    assert told >= {
        ("air", "north-gate"),
        ("surface_water", "yunxi-bridge"),
        ("noise", "school-road"),
    }


def test_the_demo_knows_a_quiet_value_of_every_item() -> None:
    stations = load_stations(HERE)
    for item in stations.items:
        assert item.least <= USUAL[item.id] <= item.most, item.id
