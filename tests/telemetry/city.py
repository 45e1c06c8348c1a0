"""A readings store, and what a test needs to feed it and to look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, text

from cases.database import open_engine, reading
from catalogue.stations import Item, Station, Stations
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.pack import Pack, Slice
from rules.process import RulesProcess
from tests.telemetry.independent import Found
from yichuang.reading_rules import Answers, ReadingRules, instant
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import Parsed, Reader, ReadingSubject
from yichuang.stores import migrate

PACKS = Path(__file__).parent / "packs"
TRIAL = (PACKS / "trial.yaml").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
ABOVE = Decimal(75)

STATIONS = Stations(
    items=(
        Item(id="pm25", zh="细颗粒物", en="PM2.5", unit="µg/m³", least=0, most=5000, above=75),
        Item(id="pm10", zh="可吸入颗粒物", en="PM10", unit="µg/m³", least=0, most=5000),
        Item(id="o3", zh="臭氧", en="Ozone", unit="µg/m³", least=0, most=5000, eight=True),
        Item(id="quick", zh="逐刻", en="Quarters", unit="1", minutes=15, least=-100, most=100),
    ),
    stations=(
        Station(id="dongsi", zh="东四", en="Dongsi", kind="air", department="sthj",
                district="dc", zone_class="2", items=("pm25", "pm10", "o3", "quick")),
        Station(id="wanliu", zh="万柳", en="Wanliu", kind="air", department="sthj",
                district="hd", zone_class="2", items=("pm25", "o3")),
    ),
)  # fmt: skip


class Twin:
    """Answers by the plain twin: the same answers as the process, without one."""

    def evaluate(self, pack: Pack, context: Mapping[str, object], at: datetime) -> Any:
        return evaluate(pack, context, at)

    def evaluate_many(
        self, pack: Pack, contexts: Sequence[Mapping[str, object]], at: datetime
    ) -> list[Any]:
        return [evaluate(pack, context, at) for context in contexts]


def rules_of(
    packs: Sequence[Pack], answers: Answers | None = None, stations: Stations = STATIONS
) -> ReadingRules:
    def packs_at(hour: int) -> list[tuple[Pack, Slice]]:
        return [(pack, pack.slice_at(instant(hour))) for pack in packs]

    return ReadingRules(stations, packs_at, lambda: packs, answers or Twin())


@cache
def trial_packs() -> list[Pack]:
    return list(load_packs(PACKS).values())


def fresh_engine(folder: Path) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'readings.sqlite'}")
    migrate(engine, "readings")
    return engine


def store_of(engine: Engine, packs: Sequence[Pack] | None = None) -> ReadingStore:
    rules = rules_of(trial_packs() if packs is None else packs)
    return ReadingStore(engine, STATIONS, rules, Telling("demo", "https://x", STATIONS, rules))


SUBJECT = ReadingSubject("demo", "sthj", "portal")


def one(
    item: str, hour: int, value: float | None, *, station: str = "dongsi", minute: int = 0,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return one reading of an hour as a sender writes it."""
    at = datetime.fromtimestamp(hour * 3600 + minute * 60, UTC).isoformat()
    unit = STATIONS.item_by_id[item].unit
    return {"station": station, "item": item, "at": at, "value": value, "unit": unit, **more}


def message(readings: Sequence[Any], number: int = 1) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0", "id": f"m{number}", "source": "/t",
            "type": "cn.demo.telemetry.readings.v1", "data": {"readings": list(readings)},
        }
    )  # fmt: skip


def parsed(readings: Sequence[Any], number: int = 1) -> Parsed:
    return Reader(STATIONS, "demo").read(SUBJECT, message(readings, number), None, NOW)


def deliver(store: ReadingStore, *messages: Sequence[Any], first: int = 1) -> list[Delivery]:
    """Take some messages in one transaction; return how they fared."""
    deliveries = [
        Delivery(first + n, str(SUBJECT), parsed(readings, first + n))
        for n, readings in enumerate(messages)
    ]
    store.take(deliveries, NOW)
    return deliveries


def found(engine: Engine) -> dict[tuple[str, str], list[Found]]:
    """Return the alarms that stand, by (station, item)."""
    query = """SELECT a.id, a.station, a.item, m.grp, a.raised_at, a.cleared_at, a.machine
      FROM reading_alarm a JOIN machine m ON m.id = a.machine WHERE a.withdrawn = 0
      ORDER BY m.grp, a.raised_at"""
    turns = """SELECT at, rule, level FROM machine_turn
      WHERE machine = :m AND raised_at = :r AND kind <> 'cleared' ORDER BY at"""
    alarms: dict[tuple[str, str], list[Found]] = {}
    with reading(engine) as connection:
        for row in connection.execute(text(query)).all():
            course = connection.execute(text(turns), {"m": row.machine, "r": row.raised_at}).all()
            alarms.setdefault((row.station, row.item), []).append(
                Found(row.grp, row.raised_at, tuple((t[0], t[1], t[2]) for t in course),
                      row.cleared_at)
            )  # fmt: skip
    return alarms


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return what must be the same whatever the order of arrival: no numbers, no instants of
    recording."""
    queries = {
        "readings": """SELECT s.station, s.item, s.kind, r.at, r.value, r.flag, r.revision
            FROM reading r JOIN series s ON s.id = r.series ORDER BY 1, 2, 3, 4""",
        "hours": """SELECT s.station, s.item, s.kind, h.hour, h.n, h.valid, h.most, h.least,
            h.last, h.flag, h.mean, h.n8, h.s8, h.n24, h.s24, h.most8, h.above, h.rate, h.gap,
            h.verdict FROM reading_hour h JOIN series s ON s.id = h.series ORDER BY 1, 2, 3, 4""",
        "turns": """SELECT m.pack, m.grp, m.key, m.kind, t.at, t.kind, t.raised_at, t.rule, t.level
            FROM machine_turn t JOIN machine m ON m.id = t.machine ORDER BY 1, 2, 3, 4, 5""",
        "states": """SELECT m.pack, m.grp, m.key, m.kind, t.hour, t.state
            FROM machine_state t JOIN machine m ON m.id = t.machine ORDER BY 1, 2, 3, 4, 5""",
        "alarms": """SELECT id, raised_at, cleared_at, level, rule, pack, digest, station, item
            FROM reading_alarm WHERE withdrawn = 0 ORDER BY id""",
    }
    with reading(engine) as connection:
        return {
            name: [tuple(row) for row in connection.execute(text(query)).all()]
            for name, query in queries.items()
        }


__all__ = ["RulesProcess", "deliver", "dump", "found", "fresh_engine", "one", "store_of"]
