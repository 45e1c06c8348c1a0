"""`status` says each open alarm, the oldest first, and no more than one can read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import Engine, insert

from activities.alarming import Alarms
from cases.alarms import Alarm
from cases.database import open_engine
from cases.readings_tables import dead_reading, reading_alarm
from tests.yichuang.registry import settings, template
from yichuang.commands import status
from yichuang.settings import Settings

__all__ = ["settings", "template"]

AT = datetime(2026, 12, 1, 1, tzinfo=UTC)
CITY = Alarms("demo", "https://city.invalid/schemas")


@pytest.fixture
def cases(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.store_url("cases"))
    yield engine
    engine.dispose()


def sound(cases: Engine, *keys: str) -> None:
    with cases.begin() as connection:
        for n, key in enumerate(keys):
            alarm = Alarm(key, "card_unheard", f"警报之 {key}", department="zjj")
            CITY.sound(connection, alarm, AT + timedelta(minutes=n))


def told(settings: Settings, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    parser = argparse.ArgumentParser()
    status.add(parser)
    status.run(parser.parse_args(["--only", "worker", *words]), settings)
    return capsys.readouterr().out


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "警报" in line]


def test_each_open_alarm_has_its_line(
    settings: Settings, cases: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lines(told(settings, capsys)) == []
    sound(cases, "b", "a")
    assert lines(told(settings, capsys)) == [
        "警报 2026-12-01 01:00Z 警报之 b",
        "警报 2026-12-01 01:01Z 警报之 a",
    ]
    with cases.begin() as connection:
        CITY.silence(connection, "b", AT + timedelta(hours=1))
    assert lines(told(settings, capsys)) == ["警报 2026-12-01 01:01Z 警报之 a"]


@pytest.mark.parametrize(("count", "more"), [(20, []), (21, ["另有 1 个警报，见 --json"])])
def test_more_than_twenty_are_counted_and_json_has_all(
    settings: Settings,
    cases: Engine,
    capsys: pytest.CaptureFixture[str],
    count: int,
    more: list[str],
) -> None:
    sound(cases, *(f"k{n}" for n in range(count)))
    assert lines(told(settings, capsys))[20:] == more
    said = orjson.loads(told(settings, capsys, "--json"))
    assert len(said["alarms"]) == count
    assert said["alarms"][0] == {
        "key": "k0", "kind": "card_unheard", "text": "警报之 k0", "case_id": "",
        "department": "zjj", "detail": {}, "raised_at": AT.isoformat(),
    }  # fmt: skip


def test_readings_that_were_refused_and_alarms_of_readings_have_one_line(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "监测：" not in told(settings, capsys)
    assert orjson.loads(told(settings, capsys, "--json"))["readings"] == {
        "open_alarms": 0, "refused": 0, "last_at": None,
    }  # fmt: skip
    engine = open_engine(settings.store_url("readings"))
    with engine.begin() as connection:
        connection.execute(
            insert(dead_reading).values(
                stream_seq=1, place=0, digest="0" * 64, subject="tel.x", field="value",
                reason="不是数", remedy="改正", body="{}", at=AT,
            )
        )  # fmt: skip
        connection.execute(
            insert(reading_alarm),
            [
                {
                    "id": f"a{n}", "machine": n, "raised_at": 1, "updated_at": 1,
                    "cleared_at": 2 if n == 3 else None, "withdrawn": 0, "level": "red",
                    "rule": "r", "title": "t", "basis": "b", "pack": "x", "version": "1",
                    "digest": "d", "station": "s", "item": "i", "kind": "observed",
                    "department": "zjj", "district": "", "recorded_at": AT, "changed_at": AT,
                }
                for n in (1, 2, 3)
            ],
        )  # fmt: skip
    engine.dispose()
    assert "监测：未解除的警报 2 个，退回的读数 1 条" in told(settings, capsys).splitlines()
    said = orjson.loads(told(settings, capsys, "--json"))["readings"]
    assert (said["open_alarms"], said["refused"]) == (2, 1)
