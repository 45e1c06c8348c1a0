"""Planned windows: ahead, narrow, at most a week; what falls into them is recorded all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from cases.database import open_engine, reading
from cases.incidents.place import Place
from cases.incidents.windows import Window
from cases.signal_windows import PlannedWindow, WindowRefused, lift, plan, planned, silences
from cases.window_tables import signal_window
from tests.signals.city import LAT, LON, METRE, NOW, Town, signal
from yichuang.signals.role import Silences
from yichuang.stores import migrate

MADE = NOW - timedelta(hours=1)


def window(**more: Any) -> Window:
    words: dict[str, Any] = {
        "id": "W", "type": "lift", "source": "", "district": "", "street": "", "point": None,
        "radius_m": 0, "starts_at": NOW, "ends_at": NOW + timedelta(hours=1),
    }  # fmt: skip
    return Window(**words | more)


@pytest.fixture
def web(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    migrate(engine, "web")
    return engine


def put(web: Engine, one: Window, reason: str = "电梯年检") -> None:
    with web.begin() as connection:
        plan(connection, PlannedWindow(one, reason, "u:1", MADE))


@pytest.mark.parametrize(
    ("minutes", "more", "state"),
    [
        (0, {}, "suppressed"), (-1, {}, "incident"), (59, {}, "suppressed"), (60, {}, "incident"),
        (0, {"type_code": "fire"}, "incident"), (0, {"level": "red"}, "incident"),
        (0, {"place": Place(lon=LON, lat=LAT + 99 * METRE)}, "suppressed"),
        (0, {"place": Place(lon=LON, lat=LAT + 101 * METRE)}, "incident"),
        (0, {"place": Place()}, "incident"),
    ],
)  # fmt: skip
def test_a_window_holds_by_kind_place_and_instant_of_the_happening(
    web: Engine, tmp_path: Path, minutes: int, more: dict[str, Any], state: str
) -> None:
    put(web, window(point=(LON, LAT), radius_m=100))
    town = Town(tmp_path, Silences(web, lambda: NOW).current)
    town.deliver(signal("a", minutes=minutes, **more))
    assert town.states()["a"][0] == state
    assert len(town.rows("SELECT * FROM signal")) == 1


@pytest.mark.parametrize(
    ("source", "state"),
    [("web/page", "suppressed"), ("web", "suppressed"), ("lifts", "incident")],
)
def test_a_window_for_a_source_holds_for_what_lies_under_it(
    web: Engine, tmp_path: Path, source: str, state: str
) -> None:
    put(web, window(type="", source=source))
    town = Town(tmp_path, Silences(web, lambda: NOW).current)
    town.deliver(signal("a"))
    assert town.states()["a"][0] == state


def test_a_lifted_window_ends_there(web: Engine, tmp_path: Path) -> None:
    put(web, window())
    with web.begin() as connection:
        lift(connection, "W", "u:2", NOW + timedelta(minutes=30))
    town = Town(tmp_path, Silences(web, lambda: NOW).current)
    town.deliver(signal("a", minutes=29), signal("b", minutes=30, north=500))
    assert [state for state, _ in town.states().values()] == ["suppressed", "incident"]
    with web.begin() as connection, pytest.raises(WindowRefused):
        lift(connection, "W", "u:2", NOW + timedelta(minutes=31))


@pytest.mark.parametrize(
    ("more", "reason", "field"),
    [
        ({"type": ""}, "检修", "type"),
        ({}, " ", "reason"),
        ({"starts_at": MADE - timedelta(seconds=1)}, "检修", "starts_at"),
        ({"ends_at": NOW}, "检修", "ends_at"),
        ({"ends_at": NOW + timedelta(days=7, seconds=1)}, "检修", "ends_at"),
        ({"point": (LON, LAT)}, "检修", "radius_m"),
    ],
)
def test_what_may_not_be_planned_is_refused_with_its_field(
    web: Engine, more: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(WindowRefused) as no:
        put(web, window(**more), reason)
    assert no.value.field == field


def test_a_week_that_begins_now_may_be_planned(web: Engine) -> None:
    put(web, window(starts_at=MADE, ends_at=MADE + timedelta(days=7)))
    with reading(web) as connection:
        (found,) = planned(connection)
        assert found.reason == "电梯年检"
        assert silences(connection, NOW) == [found.window]
        assert silences(connection, MADE + timedelta(days=39)) == []


def test_the_database_itself_refuses_a_window_over_everything(web: Engine) -> None:
    row = {
        "id": "W", "type": "", "source": "", "district": "", "street": "", "radius_m": 0,
        "starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "reason": "x", "made_by": "u:1",
        "made_at": MADE, "lifted_by": "",
    }  # fmt: skip
    with pytest.raises(IntegrityError), web.begin() as connection:
        connection.execute(insert(signal_window).values(row))


CHANGES = (
    "UPDATE signal_window SET reason = 'x'",
    "UPDATE signal_window SET ends_at = made_at",
    "UPDATE signal_window SET lon = 1, lat = 1",
    "UPDATE signal_window SET lifted_by = 'u:2'",
    "UPDATE signal_window SET lifted_by = '', lifted_at = NULL",
    "DELETE FROM signal_window",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_a_planned_window_stays_as_it_was_whatever_sql_says(web: Engine, statement: str) -> None:
    put(web, window())
    with web.begin() as connection:
        lift(connection, "W", "u:1", NOW)
    with pytest.raises(DatabaseError, match=r"does not change|is not deleted"):
        with web.begin() as connection:
            connection.execute(text(statement))
    with pytest.raises(DatabaseError, match=r"does not change|duplicate key"):
        put(web, window())
