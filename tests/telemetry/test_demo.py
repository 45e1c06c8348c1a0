"""The readings of the demo city are taken whole, and the shipped packs find its episodes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from cases.database import reading
from catalogue.load import HERE
from catalogue.stations import load_stations
from rules.load import load_packs
from tests.telemetry.city import SUBJECT, fresh_engine, message, rules_of
from yichuang.demo_readings import readings
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import Reader

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
    for n, start in enumerate(range(0, len(found), 1000)):
        parsed = reader.read(SUBJECT, message(found[start : start + 1000], n), None, NOW)
        assert parsed.refused == []
        store.take([Delivery(n + 1, str(SUBJECT), parsed)], NOW)
    store.close()
    with reading(engine) as connection:
        raised = connection.execute(text("SELECT DISTINCT pack, station FROM reading_alarm")).all()
    told = {tuple(row) for row in raised}
    assert told >= {
        ("air", "north-gate"),
        ("surface_water", "yunxi-bridge"),
        ("noise", "school-road"),
    }
