"""Alarms: one open per key, told anew, cleared by their own condition, with entry and event."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine, text

from activities.alarming import Alarms
from cases import alarms
from cases.alarms import Alarm
from cases.database import reading
from tests.activities.conftest import create_stores

AT = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
CITY = Alarms("demo", "https://city.invalid/schemas")
SCHEMA = Path(__file__).parents[2] / "docs" / "api" / "schemas" / "alarm.v1.json"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    cases, keys = create_stores(tmp_path)
    keys.dispose()
    yield cases
    cases.dispose()


def about(key: str = "calendar:cn:2027", said: str = "2027 年节假日安排尚未公布") -> Alarm:
    return Alarm(key, "calendar_missing", said, department="scjg", detail={"year": 2027})


def sound(engine: Engine, alarm: Alarm, at: datetime = AT) -> bool:
    with engine.begin() as connection:
        return CITY.sound(connection, alarm, at)


def silence(engine: Engine, key: str, at: datetime = LATER) -> bool:
    with engine.begin() as connection:
        return CITY.silence(connection, key, at)


def entries(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        bodies = connection.execute(
            text("SELECT body FROM audit_outbox WHERE stream = 'sys:alarms' ORDER BY seq")
        ).scalars()
        return [json.loads(bytes(body)) for body in bodies]


def events(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT subject, event FROM outbox ORDER BY pos")).all()
        return [(row.subject, json.loads(row.event)) for row in rows]


def test_a_raised_alarm_stands_open_with_an_entry_and_an_event(engine: Engine) -> None:
    assert sound(engine, about())
    with reading(engine) as connection:
        (kept,) = alarms.open_alarms(connection)
    assert (kept.alarm, kept.raised_at, kept.cleared_at) == (about(), AT, None)
    (entry,) = entries(engine)
    assert (entry["act"], entry["id"], entry["after"]) == (
        "alarm_raised",
        kept.raised_entry,
        kept.digest,
    )
    ((subject, event),) = events(engine)
    assert subject == "evt.demo.scjg.alarm.raised"
    assert (event["type"], event["data"]["key"]) == ("cn.demo.alarm.raised.v1", "calendar:cn:2027")


def test_raising_again_says_what_is_so_now_without_a_second_entry(engine: Engine) -> None:
    sound(engine, about())
    assert not sound(engine, about(said="仍未公布"), LATER)
    with reading(engine) as connection:
        (kept,) = alarms.open_alarms(connection, "calendar_missing")
    assert (kept.alarm.text, kept.raised_at, kept.updated_at) == ("仍未公布", AT, LATER)
    assert (len(entries(engine)), len(events(engine))) == (1, 1)


def test_raising_again_in_the_same_words_changes_no_row(engine: Engine) -> None:
    sound(engine, about())
    sound(engine, about(), LATER)
    with reading(engine) as connection:
        (kept,) = alarms.open_alarms(connection)
    assert kept.updated_at == AT


def test_a_cleared_alarm_has_its_entry_and_its_event_once(engine: Engine) -> None:
    sound(engine, about())
    assert silence(engine, about().key)
    assert not silence(engine, about().key)
    assert [entry["act"] for entry in entries(engine)] == ["alarm_raised", "alarm_cleared"]
    assert [event["data"]["cleared_at"] for _, event in events(engine)] == [
        None,
        "2026-12-01T01:05:00Z",
    ]


def test_silencing_what_never_rang_changes_nothing(engine: Engine) -> None:
    assert not silence(engine, "nothing")
    assert (entries(engine), events(engine)) == ([], [])


def test_a_cleared_key_may_be_raised_anew_as_another_alarm(engine: Engine) -> None:
    sound(engine, about())
    silence(engine, about().key)
    assert sound(engine, about(), LATER + timedelta(days=1))
    assert len({entry["obj"]["id"] for entry in entries(engine)}) == 2


def test_a_rollback_leaves_no_alarm_no_entry_and_no_event(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        CITY.sound(connection, about(), AT)
        raise ZeroDivisionError
    with reading(engine) as connection:
        assert alarms.open_alarms(connection) == []
    assert (entries(engine), events(engine)) == ([], [])


def test_agreeing_raises_what_is_wanted_and_clears_the_rest_of_the_kind(engine: Engine) -> None:
    other = Alarm("census:away", "census", "对账停了")
    for one in (about("a"), about("b"), other):
        sound(engine, one)
    with engine.begin() as connection:
        wanted = {one.key: one for one in (about("b"), about("c"))}
        assert CITY.agree(connection, "calendar_missing", wanted, LATER) == (["c"], ["a"])
    with reading(engine) as connection:
        assert {one.alarm.key for one in alarms.open_alarms(connection)} == {
            "b",
            "c",
            "census:away",
        }


def test_the_alarms_of_a_case_are_found_open_or_cleared(engine: Engine) -> None:
    sound(engine, Alarm("census:c1", "census", "办件的流程不在了", case_id="c1"))
    silence(engine, "census:c1")
    sound(engine, Alarm("census:c2", "census", "办件的流程不在了", case_id="c2"), LATER)
    with reading(engine) as connection:
        assert [one.alarm.key for one in alarms.alarms_of(connection, "c1")] == ["census:c1"]


def test_of_two_who_raise_at_once_one_raises(engine: Engine) -> None:
    barrier, raised = threading.Barrier(2), []

    def ring(at: datetime) -> None:
        barrier.wait()
        raised.append(sound(engine, about(), at))

    threads = [threading.Thread(target=ring, args=(AT + timedelta(seconds=n),)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(raised) == [False, True]
    assert (len(entries(engine)), len(events(engine))) == (1, 1)


def test_the_events_pass_their_published_schema(engine: Engine) -> None:
    sound(engine, about())
    sound(engine, Alarm("whole:city", "census", "对账停了"))
    silence(engine, about().key)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    told = events(engine)
    assert [subject for subject, _ in told][1] == "evt.demo.-.alarm.raised"
    assert [list(validator.iter_errors(event["data"])) for _, event in told] == [[], [], []]
