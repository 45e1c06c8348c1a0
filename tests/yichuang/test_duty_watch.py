"""The alarm of an empty desk rings until somebody is there; the demo's rota has one hole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from activities.alarming import Alarms
from cases import alarms, duty, rota
from cases.database import open_engine, reading
from cases.notices_out import Notice, tell
from cases.rota import AHEAD_DAYS, Shift
from cases.web_tables import account
from yichuang.demo_duty import lay_out_demo
from yichuang.demo_people import PEOPLE
from yichuang.duty_watch import HOLE, DutyWatch
from yichuang.joining import catalogue
from yichuang.stores import migrate

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    opened = []
    for name in ("cases", "web"):
        engine = open_engine(f"sqlite:///{tmp_path / f'{name}.sqlite'}")
        migrate(engine, name)
        opened.append(engine)
    with opened[1].begin() as connection:
        for person in PEOPLE:
            connection.execute(insert(account).values(_row(person.login, person.name)))
    yield opened[0], opened[1]
    for engine in opened:
        engine.dispose()


def _row(login: str, name: str) -> dict[str, object]:
    return {
        "id": f"u:{login}", "kind": "human", "login": login, "name": name, "department": "x",
        "grants": [], "clearance": 1, "compartments": [], "password": "", "enrolment": "",
        "token": "", "created_at": NOW, "created_by": "system",
    }  # fmt: skip


def ringing(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return [one.alarm.key for one in alarms.open_alarms(connection, HOLE)]


def test_an_empty_desk_rings_until_somebody_is_there(stores: tuple[Engine, Engine]) -> None:
    cases, web = stores
    at = [NOW]
    watch = DutyWatch(cases, web, Alarms("demo", "https://x"), catalogue().city, lambda: at[0])
    with web.begin() as connection:
        for id, begin in (("s1", 0), ("s2", 13)):
            new = Shift(
                id, "cgj", "duty", "u:zhiban1", NOW + begin * HOUR, NOW + (begin + 12) * HOUR
            )
            duty.make_shift(connection, new, "system", NOW)
    assert watch.look() == ([], [])
    at[0] = NOW + 12 * HOUR
    assert watch.look() == (["duty_hole:cgj"], [])
    assert watch.look() == ([], [])
    at[0] = NOW + 13 * HOUR
    assert watch.look() == ([], ["duty_hole:cgj"])
    assert ringing(cases) == []


def test_a_department_that_was_told_something_and_keeps_no_rota_rings(
    stores: tuple[Engine, Engine],
) -> None:
    cases, web = stores
    watch = DutyWatch(cases, web, Alarms("demo", "https://x"), catalogue().city, lambda: NOW)
    with cases.begin() as connection:
        tell(connection, Notice("duty:rq", "dispatched", "i1", "1"), NOW)
        tell(connection, Notice("duty:sw", "dispatched", "i1", "1"), NOW - timedelta(days=2))
    watch.look()
    assert ringing(cases) == ["duty_hole:rq"]


def test_the_demo_city_is_manned_around_the_clock_but_for_one_day_of_one_unit(
    stores: tuple[Engine, Engine],
) -> None:
    _, web = stores
    end = NOW + timedelta(days=AHEAD_DAYS)
    with web.begin() as connection:
        ids = {one.login: f"u:{one.login}" for one in PEOPLE}
        assert lay_out_demo(connection, ids, "Asia/Shanghai", NOW) > 100
        kept = duty.kept(connection)
        found = duty.turns_between(connection, kept, NOW, end)
    (hole,) = rota.holes(found, kept, NOW, end)
    assert (hole.department, hole.ends_at - hole.starts_at) == ("gr", timedelta(days=1))
