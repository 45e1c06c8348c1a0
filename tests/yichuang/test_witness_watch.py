"""The alarm of a witness that stays away, where supervision looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, select

from activities.alarming import Alarms
from audit.cosignatures import Standing, keep_standing
from cases.alarms import KeptAlarm, open_alarms
from cases.database import open_engine, reading
from cases.tables import outbox
from yichuang.settings import Settings
from yichuang.stores import migrate
from yichuang.witness_watch import WITNESS_ABSENT, WitnessWatch

AT = datetime(2026, 11, 26, 1, tzinfo=UTC)
NAME = "audit-office.example/w1"


@dataclass
class Desk:
    cases: Engine
    log: Engine
    now: datetime = AT

    def watch(self) -> WitnessWatch:
        alarms = Alarms("demo", "https://city.example/schemas")
        return WitnessWatch(self.cases, self.log, alarms, lambda: self.now)

    def stands(self, standing: Standing) -> None:
        with self.log.begin() as connection:
            keep_standing(connection, standing)

    def open(self) -> list[KeptAlarm]:
        with reading(self.cases) as connection:
            return open_alarms(connection, WITNESS_ABSENT)

    def events(self) -> list[str]:
        with reading(self.cases) as connection:
            events = connection.scalars(select(outbox.c.event).order_by(outbox.c.pos)).all()
        return [str(orjson.loads(event)["type"]) for event in events]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(data=tmp_path)
    engines = [open_engine(settings.store_url(name)) for name in ("cases", "log")]
    migrate(engines[0], "cases")
    migrate(engines[1], "log")
    yield Desk(engines[0], engines[1])
    for engine in engines:
        engine.dispose()


def test_a_witness_that_is_noted_as_absent_rings_once_until_it_is_back(desk: Desk) -> None:
    heard = AT - timedelta(hours=2)
    desk.stands(Standing(NAME, heard, heard))
    assert desk.watch().look() == ([], [])
    desk.stands(Standing(NAME, heard, heard, AT, "no answer"))
    key = f"{WITNESS_ABSENT}:{NAME}"
    assert desk.watch().look() == ([key], [])
    assert desk.watch().look() == ([], [])
    assert "2026-11-25 23:00Z 后未应答（no answer）" in desk.open()[0].alarm.text
    desk.stands(Standing(NAME, heard, AT))
    assert desk.watch().look() == ([], [key])
    assert desk.open() == []
    assert desk.events() == ["cn.demo.alarm.raised.v1", "cn.demo.alarm.cleared.v1"]


def test_a_witness_that_never_answered_is_said_to_have_never(desk: Desk) -> None:
    desk.stands(Standing(NAME, AT, None, AT, "404 unknown log"))
    desk.watch().look()
    assert f"{NAME} 从未应答（404 unknown log）" in desk.open()[0].alarm.text
