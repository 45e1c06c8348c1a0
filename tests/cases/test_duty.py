"""The rota on a real store: who is on duty at a moment, who stands in, what cannot be undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.exc import DatabaseError

from cases import duty, rota
from cases.database import open_engine
from cases.duty import Handover, RotaRefused, on_duty
from cases.rota import Override, Pattern, Row, Shift
from cases.web_tables import account
from yichuang.stores import migrate

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    migrate(engine, "web")
    with engine.begin() as connection:
        for user in ("u:day", "u:night", "u:spare", "u:head"):
            connection.execute(insert(account).values(_person(user)))
    yield engine
    engine.dispose()


def _person(user: str) -> dict[str, object]:
    return {
        "id": user, "kind": "human", "login": user[2:], "name": user, "department": "zhzx",
        "grants": [], "clearance": 1, "compartments": [], "password": "", "enrolment": "",
        "token": "", "created_at": NOW, "created_by": "system",
    }  # fmt: skip


def put(engine: Engine, id: str, person: str, hours: tuple[int, int], part: str = "duty") -> None:
    begin, end = hours
    new = Shift(id, "zhzx", part, person, NOW + begin * HOUR, NOW + end * HOUR)
    with engine.begin() as connection:
        duty.make_shift(connection, new, "u:head", NOW)


def stand_in(engine: Engine, id: str, shift: str, person: str, hours: tuple[int, int]) -> None:
    begin, end = hours
    new = Override(id, shift, person, NOW + begin * HOUR, NOW + end * HOUR, "leave", "u:head", NOW)
    with engine.begin() as connection:
        duty.ask_override(connection, new)


def who(engine: Engine, hours: float) -> list[str]:
    with engine.begin() as connection:
        return [one.user for one in on_duty(connection, "zhzx", NOW + hours * HOUR)]


# --- who is on duty ---------------------------------------------------------------------------


def test_at_the_change_of_shift_the_next_one_is_on_duty_and_the_last_no_more(
    store: Engine,
) -> None:
    put(store, "s1", "u:day", (0, 12))
    put(store, "s2", "u:night", (12, 24))
    assert who(store, 0) == ["u:day"]
    assert who(store, 11.999) == ["u:day"]
    assert who(store, 12) == ["u:night"]


def test_nobody_is_on_duty_before_the_first_turn_and_after_the_last(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    assert who(store, -0.001) == []
    assert who(store, 12) == []


def test_who_answers_comes_before_who_leads(store: Engine) -> None:
    put(store, "s1", "u:head", (0, 12), part="leader")
    put(store, "s2", "u:day", (0, 12))
    assert who(store, 1) == ["u:day", "u:head"]


def test_an_override_that_nobody_accepted_changes_nothing(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    assert who(store, 3) == ["u:day"]


def test_an_accepted_override_counts_in_its_own_hours_alone(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    with store.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
        found = on_duty(connection, "zhzx", NOW + HOUR)
    assert [(one.user, one.until) for one in found] == [("u:day", NOW + 2 * HOUR)]
    assert [who(store, hours) for hours in (2, 3.9, 4)] == [["u:spare"], ["u:spare"], ["u:day"]]


def test_an_ended_override_gives_the_turn_back(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    with store.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
        duty.end_override(connection, "o1", "u:head", NOW)
    assert who(store, 3) == ["u:day"]


def test_a_withdrawn_turn_is_nobodys(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    with store.begin() as connection:
        duty.withdraw_shift(connection, "s1", "u:head", NOW)
    assert who(store, 1) == []


def test_a_closed_account_is_not_on_duty_and_nobody_slips_in_for_it(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    with store.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
        connection.execute(update(account).where(account.c.id == "u:spare").values(disabled_at=NOW))
    assert who(store, 3) == []


# --- what is refused --------------------------------------------------------------------------


def test_a_turn_of_24_hours_may_be_made_and_a_longer_one_may_not(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 24))
    with pytest.raises(RotaRefused, match="24"):
        put(store, "s2", "u:night", (0, 25))


def test_nobody_has_two_turns_at_once(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    put(store, "s2", "u:day", (12, 24))
    with pytest.raises(RotaRefused) as refused:
        put(store, "s3", "u:day", (11, 13))
    assert refused.value.code == "clash"


@pytest.mark.parametrize("hours", [(-1, 2), (10, 13), (4, 4)])
def test_an_override_lies_within_its_turn(store: Engine, hours: tuple[int, int]) -> None:
    put(store, "s1", "u:day", (0, 12))
    with pytest.raises(RotaRefused) as refused:
        stand_in(store, "o1", "s1", "u:spare", hours)
    assert refused.value.code == "outside"


def test_two_may_not_stand_in_for_the_same_hours(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    stand_in(store, "o2", "s1", "u:night", (4, 6))
    with pytest.raises(RotaRefused) as refused:
        stand_in(store, "o3", "s1", "u:night", (3, 5))
    assert refused.value.code == "taken"


def test_who_gave_a_hand_over_does_not_take_it(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    new = Handover("h1", "zhzx", "u:day", NOW, "s1", (("i1", "1号", "on_site"),), b"sealed")
    with store.begin() as connection:
        duty.hand_over(connection, new)
        with pytest.raises(RotaRefused):
            duty.take_over(connection, "h1", "u:day", NOW)
        taken = duty.take_over(connection, "h1", "u:night", NOW + HOUR)
        assert (taken.taken_by, taken.incidents) == ("u:night", (("i1", "1号", "on_site"),))
        with pytest.raises(RotaRefused):
            duty.take_over(connection, "h1", "u:spare", NOW + HOUR)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE duty_shift SET person = 'u:night'",
        "UPDATE duty_shift SET ends_at = starts_at",
        "DELETE FROM duty_shift",
        "UPDATE duty_override SET person = 'u:night'",
        "UPDATE duty_override SET accepted_by = 'u:head'",
        "DELETE FROM duty_override",
        "UPDATE duty_handover SET incidents = '[]'",
        "UPDATE duty_handover SET note_sealed = x'00'",
        "UPDATE duty_handover SET taken_by = 'u:spare'",
        "DELETE FROM duty_handover",
    ],
)
def test_the_past_of_the_rota_cannot_be_written_over_by_sql(store: Engine, statement: str) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    told = Handover("h1", "zhzx", "u:day", NOW, "s1", (("i1", "1号", "on_site"),), b"sealed")
    with store.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
        duty.hand_over(connection, told)
        duty.take_over(connection, "h1", "u:night", NOW)
    with pytest.raises(DatabaseError), store.begin() as connection:
        connection.execute(text(statement))


# --- holes, and laying out --------------------------------------------------------------------


def test_a_hole_is_what_lies_between_turns_and_before_and_after_them(store: Engine) -> None:
    put(store, "s1", "u:day", (1, 6))
    put(store, "s2", "u:night", (8, 10))
    put(store, "s3", "u:head", (6, 8), part="leader")
    with store.begin() as connection:
        found = duty.turns_between(connection, ["zhzx"], NOW, NOW + 12 * HOUR)
    spans = [
        ((one.starts_at - NOW) / HOUR, (one.ends_at - NOW) / HOUR)
        for one in rota.holes(found, ["zhzx"], NOW, NOW + 12 * HOUR)
    ]
    assert spans == [(0, 1), (6, 8), (10, 12)]


def test_a_rota_that_is_whole_has_no_hole(store: Engine) -> None:
    put(store, "s1", "u:day", (0, 12))
    put(store, "s2", "u:night", (12, 24))
    with store.begin() as connection:
        found = duty.turns_between(connection, ["zhzx"], NOW, NOW + 24 * HOUR)
    assert rota.holes(found, ["zhzx"], NOW, NOW + 24 * HOUR) == []


def test_crews_take_turns_and_days_off_have_crews_of_their_own() -> None:
    pattern = Pattern(
        "zhzx", "duty", (time(8), time(20)), (("a",), ("b",), ("c",)), (("x",), ("y",))
    )
    friday, saturday, sunday = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29)
    laid = rota.lay_out(pattern, friday, date(2026, 11, 30), {saturday, sunday}, "Asia/Shanghai")
    assert [person for person, _, _ in laid] == ["a", "b", "x", "y", "x", "y", "c", "a"]
    assert laid[0][1] == datetime(2026, 11, 27, 0, 0, tzinfo=UTC)
    assert all(one[2] == other[1] for one, other in pairwise(laid))


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 4), st.booleans()), max_size=4, unique=True
    ),
    st.integers(0, 24),
)
def test_whatever_stands_in_a_turn_has_one_person_at_each_moment_of_it(
    overrides: list[tuple[int, int, bool]], hour: int
) -> None:
    apart, reached = [], 0
    for begin, length, is_open in sorted(overrides):
        if begin >= reached and begin + length <= 24:
            apart.append((begin, begin + length, is_open))
            reached = begin + length
    rows = [Row("s1", "", "zhzx", "duty", "own", NOW, NOW + 24 * HOUR, True)]
    rows += [
        Row("s1", f"o{n}", "zhzx", "duty", f"p{n}", NOW + a * HOUR, NOW + b * HOUR, there)
        for n, (a, b, there) in enumerate(apart)
    ]
    expected = "own" if hour < 24 else None
    for n, (begin, end, there) in enumerate(apart):
        if begin <= hour < end:
            expected = f"p{n}" if there else None
    found = [one.user for one in rota.at_moment(rows, NOW + hour * HOUR)]
    assert found == ([] if expected is None else [expected])
