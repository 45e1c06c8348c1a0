"""What becomes of signals: the same again, joined by place, time and kind, many that are one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from cases import signal_rows
from cases.database import reading
from cases.incidents.place import Place
from tests.signals.city import LAT, LATER, LON, NOW, Town, signal
from yichuang.signals.store import incident_key, read_words


def acts_of(town: Town) -> list[str]:
    bodies = town.rows("SELECT body FROM audit_outbox WHERE stream = 'sys:signals'")
    return [orjson.loads(bytes(body))["act"] for (body,) in bodies]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_signal_opens_an_incident_with_one_order(town: Town) -> None:
    town.deliver(signal("a"))
    assert town.states() == {"a": ("incident", "a")}
    assert town.rows("SELECT verb, rank, state FROM incident_order") == [("report", 4, "waiting")]


@pytest.mark.parametrize(
    ("north", "minutes", "state"),
    [
        (99, 0, "merged"), (101, 0, "incident"),
        (0, 30, "merged"), (0, 31, "incident"),
        (0, -30, "merged"), (0, -31, "incident"),
    ],
)  # fmt: skip
def test_near_in_place_and_time_is_one_incident(
    town: Town, north: int, minutes: int, state: str
) -> None:
    town.deliver(signal("a"))
    town.deliver(signal("b", north=north, minutes=minutes))
    assert town.states()["b"] == (state, "a" if state == "merged" else "b")


def test_another_kind_at_the_same_place_is_another_incident(town: Town) -> None:
    town.deliver(signal("a"), signal("b", "fire"))
    assert town.states() == {"a": ("incident", "a"), "b": ("incident", "b")}


def test_the_nearer_of_two_incidents_is_joined(town: Town) -> None:
    town.deliver(signal("a"), signal("b", north=150), signal("c", north=90))
    assert town.states()["c"] == ("merged", "b")


def test_without_a_point_the_same_address_is_one_incident(town: Town) -> None:
    here = Place(address="解放路 1 号")
    town.deliver(signal("a", place=here), signal("b", place=here))
    town.deliver(signal("c", place=Place(address="解放路 2 号")))
    town.deliver(signal("d", place=Place(district="yunxi")), signal("e", place=Place()))
    assert [state for state, _ in town.states().values()] == [
        "incident", "merged", "incident", "incident", "incident",
    ]  # fmt: skip


def test_a_closed_incident_takes_nothing_more(town: Town) -> None:
    (first,) = town.deliver(signal("a"))
    assert first.turn is not None
    town.store.close([first.turn.incident_id])
    town.deliver(signal("b"))
    assert town.states()["b"] == ("incident", "b")


def test_the_same_message_again_changes_nothing(town: Town) -> None:
    town.deliver(signal("a"), signal("a"))
    before = town.rows("SELECT * FROM signal_turn")
    (again,) = town.deliver(signal("a"))
    assert again.repeated
    assert town.rows("SELECT * FROM signal_turn") == before
    assert len(town.rows("SELECT * FROM signal")) == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE signal_turn SET state = 'merged'", "DELETE FROM signal_turn"]
)
def test_what_became_of_a_signal_stays_told(town: Town, statement: str) -> None:
    town.deliver(signal("a"))
    with pytest.raises(DatabaseError, match="append-only"), town.engine.begin() as connection:
        connection.execute(text(statement))


def test_the_same_id_with_other_words_is_refused(town: Town) -> None:
    town.deliver(signal("a"))
    (other,) = town.deliver(signal("a", title="另一件事"))
    assert other.refused is not None
    assert other.refused.field == "data.id"
    assert len(town.rows("SELECT * FROM refused_signal")) == 1


def test_the_same_reference_is_a_duplicate_and_a_higher_level_is_news(town: Town) -> None:
    town.deliver(signal("a", reference="R", level="blue"), signal("b", reference="R", level="blue"))
    town.deliver(signal("c", reference="R", level="red", north=5_000))
    town.deliver(signal("d", reference="R", level="red", change="update", north=5_000))
    assert town.states() == {
        "a": ("incident", "a"), "b": ("duplicate", "a"), "c": ("merged", "a"),
        "d": ("merged", "a"),
    }  # fmt: skip
    assert town.rows("SELECT level FROM gathering") == [("red",)]


def test_five_complaints_from_one_street_in_an_hour_are_one_incident(town: Town) -> None:
    for n in range(4):
        town.deliver(signal(f"{n}", "noise", north=n * 200, minutes=n * 15))
    assert {state for state, _ in town.states().values()} == {"noted"}
    assert town.rows("SELECT * FROM incident_order") == []
    town.deliver(signal("4", "noise", north=10, minutes=60))
    assert town.states() == {str(n): ("merged", "4") for n in range(4)} | {"4": ("incident", "4")}
    assert [v for (v,) in town.rows("SELECT verb FROM incident_order ORDER BY n")] == [
        "report", "join", "join", "join", "join",
    ]  # fmt: skip
    town.deliver(signal("5", "noise", north=650, minutes=65))
    assert town.states()["5"] == ("merged", "4")


def test_five_in_more_than_an_hour_are_none(town: Town) -> None:
    for n, minutes in enumerate((0, 15, 30, 45, 61)):
        town.deliver(signal(f"{n}", "noise", minutes=minutes))
    assert {state for state, _ in town.states().values()} == {"noted"}


def test_a_late_one_completes_a_burst_of_the_hour_it_is_about(town: Town) -> None:
    for n, minutes in enumerate((0, 15, 30, 60)):
        town.deliver(signal(f"{n}", "noise", minutes=minutes))
    town.deliver(signal("late", "noise", minutes=5))
    assert town.states()["late"] == ("incident", "late")


def test_a_burst_in_one_message_batch_is_the_same(town: Town) -> None:
    town.deliver(*(signal(f"{n}", "noise", minutes=n) for n in range(6)))
    assert sorted(state for state, _ in town.states().values()) == ["incident", *["merged"] * 5]


def test_an_urgent_one_does_not_wait_for_others(town: Town) -> None:
    town.deliver(signal("a", "noise", level="orange"), signal("b", "noise", level="yellow"))
    assert town.states() == {"a": ("incident", "a"), "b": ("merged", "a")}


def test_a_burst_by_place_counts_what_is_near_alone(town: Town) -> None:
    town.deliver(signal("a", "smell"), signal("b", "smell", north=90))
    town.deliver(signal("c", "smell", north=300))
    assert {state for state, _ in town.states().values()} == {"noted"}
    town.deliver(signal("d", "smell", north=50))
    assert town.states()["c"][0] == "noted"
    assert town.states()["d"] == ("incident", "d")


def test_a_cancel_takes_back_its_signal_and_tells_the_incident(town: Town) -> None:
    town.deliver(signal("a", reference="R"))
    town.deliver(signal("x", reference="R", change="cancel"))
    assert town.states()["x"] == ("merged", "a")
    assert town.rows("SELECT verb FROM incident_order ORDER BY n") == [("report",), ("withdraw",)]
    assert town.rows("SELECT key FROM signal WHERE withdrawn_by <> ''") == [("a",)]


def test_a_cancel_that_comes_first_keeps_what_it_cancels_from_opening(town: Town) -> None:
    town.deliver(signal("x", reference="R", change="cancel"), signal("a", reference="R"))
    assert town.states() == {"x": ("noted", ""), "a": ("noted", "")}
    assert town.rows("SELECT * FROM incident_order") == []


def test_a_cancelled_complaint_does_not_count(town: Town) -> None:
    town.deliver(*(signal(f"{n}", "noise", reference=f"R{n}", minutes=n) for n in range(4)))
    town.deliver(signal("x", "noise", reference="R0", change="cancel"))
    town.deliver(signal("4", "noise", minutes=5))
    assert town.states()["4"] == ("noted", "")


@pytest.mark.parametrize(("level", "state"), [("red", "incident"), ("orange", "suppressed")])
def test_a_planned_window_keeps_all_but_red(tmp_path: Path, level: str, state: str) -> None:
    town = Town(tmp_path, lambda: lambda heard: "W" if heard.type == "lift" else "")
    town.deliver(signal("a", level=level), signal("b", "fire"))
    assert town.states()["a"][0] == state
    assert town.states()["b"][0] == "incident"
    because = town.rows("SELECT because FROM signal WHERE key = 'a'")
    assert because == [("W" if state == "suppressed" else "",)]


def test_what_was_said_lies_sealed_under_the_incidents_own_key(town: Town) -> None:
    town.deliver(*(signal(f"{n}", "noise", text="王某说", minutes=n) for n in range(5)))
    rows = town.rows("SELECT id, incident_id, key_subject, sealed FROM signal")
    for one, incident, whose, sealed in rows:
        assert whose == incident_key(incident)
        assert "王某说".encode() not in sealed
        assert read_words(town.vault.open(whose, sealed, one.encode())).text == "王某说"


def test_everything_that_became_of_a_signal_can_be_asked(town: Town) -> None:
    (first, *_) = town.deliver(signal("0", "noise"))
    town.deliver(*(signal(f"{n}", "noise", minutes=n) for n in range(1, 5)))
    assert first.taken is not None
    with reading(town.engine) as connection:
        fates = signal_rows.fates(connection, first.taken.heard.id)
    assert [one.state for one in fates] == ["noted", "merged"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"type_code": "unheard-of"}, "data.type"),
        ({"minutes": 11}, "data.occurred_at"),
        ({"minutes": -60 * 24 * 30 - 1}, "data.occurred_at"),
    ],
)
def test_what_cannot_be_taken_is_kept_with_its_reason(
    town: Town, wrong: dict[str, Any], field: str
) -> None:
    (one,) = town.deliver(signal("a", **wrong), at=NOW)
    assert one.refused is not None
    assert town.rows("SELECT field, signal_id FROM refused_signal") == [
        (field, one.refused.signal_id)
    ]
    with reading(town.engine) as connection:
        (fate,) = signal_rows.fates(connection, one.refused.signal_id)
    assert fate.state == "refused"
    assert acts_of(town) == ["signals_refused"]


def test_signals_of_a_closed_incident_open_one_together(town: Town) -> None:
    one, two = town.deliver(signal("a"), signal("b"))
    assert one.turn is not None
    assert two.turn is not None
    town.store.reopen([two.turn.signal_id], one.turn.incident_id, LATER)
    state, incident = town.states()["b"]
    assert state == "incident"
    assert incident != one.turn.incident_id
    assert town.rows("SELECT verb FROM incident_order ORDER BY n")[-1] == ("report",)
    town.deliver(signal("c"))
    assert town.rows("SELECT incident_id FROM signal WHERE key IN ('b', 'c')") == [
        (incident,), (incident,),
    ]  # fmt: skip


def test_each_batch_is_one_entry(town: Town) -> None:
    town.deliver(signal("a"), signal("b", "fire"))
    assert acts_of(town) == ["signals_taken"]


def test_the_cell_and_street_are_the_citys_own(town: Town) -> None:
    town.deliver(signal("a"), signal("b", place=Place(lon=LON + 30, lat=LAT)))
    rows = town.rows("SELECT cell <> '', street <> '', district <> '' FROM signal ORDER BY n")
    assert rows == [(1, 1, 1), (0, 0, 0)]
