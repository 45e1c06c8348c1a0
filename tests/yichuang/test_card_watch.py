"""What nobody is there to read rings, and goes on ringing until somebody is, or has answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from activities.alarming import Alarms
from cases import alarms, card_tables, tables
from cases.alarms import KeptAlarm
from cases.database import open_engine, reading
from cases.holders import holders_of
from cases.web_tables import account
from catalogue.load import load_catalogue
from tests.activities.conftest import Town, town_in
from tests.activities.test_cards import Desk, accepted, desk_over, to_yellow
from yichuang.card_rules import CityAddressees
from yichuang.card_watch import UNANSWERED, UNHEARD, UNREAD, CardWatch
from yichuang.demo import ANSWERING
from yichuang.demo_people import PEOPLE
from yichuang.stores import migrate

CITY = load_catalogue().city
NOW = datetime(2026, 3, 20, 1, tzinfo=UTC)


@pytest.fixture
def plain(tmp_path: Path) -> Town:
    return town_in(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    migrate(engine, "web")
    yield engine
    engine.dispose()


@pytest.fixture
def desk(plain: Town) -> Iterator[Desk]:
    one = desk_over(plain)
    yield one
    one.town.engine.dispose()
    one.town.keys.dispose()


def watch(desk: Desk) -> CardWatch:
    sounding = Alarms("demo", "https://city.invalid/schemas")
    return CardWatch(desk.town.engine, sounding, desk.people, CITY, lambda: NOW)


def rings(desk: Desk) -> dict[str, KeptAlarm]:
    with reading(desk.town.engine) as connection:
        return {one.alarm.key: one for one in alarms.open_alarms(connection)}


def said(desk: Desk, key: str) -> str:
    return rings(desk)[key].alarm.text


def warned(desk: Desk) -> Desk:
    """A reminder to the handler and a warning to the section head besides."""
    accepted(desk)
    for key in ("card:promised:JC-TS-75", "card:promised:JC-YJ-90"):
        desk.fire(key)
    return desk


def test_nothing_rings_where_everybody_is_there(desk: Desk) -> None:
    to_yellow(desk)
    assert watch(desk).look() == ([], [])


def test_a_role_that_nobody_holds_rings_by_name_with_an_entry(desk: Desk) -> None:
    desk.people.held.remove(("section_head", "scjg"))
    warned(desk)
    key = f"{UNHEARD}:r:section_head:scjg"
    assert watch(desk).look() == ([key], [])
    one = rings(desk)[key].alarm
    assert one.text.startswith("市市场监管局没有科室负责人，监察牌 1 张无人收")
    assert (one.kind, one.department, one.detail["cards"]) == (UNHEARD, "scjg", 1)
    with reading(desk.town.engine) as connection:
        bodies = connection.execute(
            text("SELECT body FROM audit_outbox WHERE stream = 'sys:alarms'")
        ).scalars()
        assert [json.loads(bytes(body))["act"] for body in bodies] == ["alarm_raised"]


def test_it_rings_once_and_until_somebody_holds_the_role(desk: Desk) -> None:
    desk.people.held.remove(("section_head", "scjg"))
    warned(desk)
    watch(desk).look()
    assert watch(desk).look() == ([], [])
    assert len(rings(desk)) == 1
    desk.people.held.add(("section_head", "gov"))  # above it, where the role is looked for too
    assert watch(desk).look() == ([], [f"{UNHEARD}:r:section_head:scjg"])
    assert rings(desk) == {}


def test_a_holder_who_leaves_later_rings_as_well(desk: Desk) -> None:
    warned(desk)
    assert watch(desk).look() == ([], [])
    desk.people.held.remove(("section_head", "scjg"))
    assert watch(desk).look()[0] == [f"{UNHEARD}:r:section_head:scjg"]


def test_an_empty_centre_rings_itself(desk: Desk) -> None:
    desk.people.held.clear()
    desk.people.departments.remove("dsjc")
    warned(desk)
    watch(desk).look()
    assert said(desk, f"{UNHEARD}:d:dsjc").startswith("市电子监察中心没有在岗人员")


def test_a_card_that_was_explained_rings_no_more(desk: Desk) -> None:
    desk.people.held -= {("section_head", "scjg"), ("organ_head", "scjg")}
    to_yellow(desk)
    watch(desk).look()
    assert f"{UNHEARD}:r:organ_head:scjg" in rings(desk)
    task = next(one.key for one in desk.state.tasks if one.kind == "explain")
    body = {"task": task, "cause": "人手不足", "measures": "加派人员"}
    assert desk.do("explain_card", body, "u:head", "2026-03-17T09:00").status == "done"
    watch(desk).look()
    # The warning of before waits for a section head still; the yellow card is answered.
    assert [*rings(desk)] == [f"{UNHEARD}:r:section_head:scjg"]


def test_a_case_that_has_ended_rings_no_more(desk: Desk) -> None:
    desk.people.held.clear()
    warned(desk)
    watch(desk).look()
    with desk.town.engine.begin() as connection:
        connection.execute(update(tables.case).values(is_open=False))
    watch(desk).look()
    assert rings(desk) == {}


def test_an_explanation_that_nobody_can_write_rings(desk: Desk) -> None:
    to_yellow(desk)
    desk.people.departments.remove("scjg")
    watch(desk).look()
    assert "待写说明 1 件无人收" in said(desk, f"{UNHEARD}:d:scjg")


def test_a_notice_to_an_empty_office_rings(desk: Desk) -> None:
    accepted(desk)
    assert desk.do("urge", {"text": "请抓紧"}, "u:head", "2026-03-03T09:00").status == "done"
    assert watch(desk).look() == ([], [])
    desk.people.departments.remove("scjg")
    watch(desk).look()
    assert "通知 1 件无人收" in said(desk, f"{UNHEARD}:d:scjg")


def test_an_explanation_not_given_in_time_rings_until_it_is_given(desk: Desk) -> None:
    to_yellow(desk)
    assert watch(desk).look() == ([], [])
    number = desk.state.cards[-1].number
    desk.fire(f"explain:{number}")
    key = f"{UNANSWERED}:scjg"
    assert watch(desk).look() == ([key], [])
    assert said(desk, key).startswith(f"市市场监管局有 1 张监察牌逾期未书面说明（如 {number}）")
    body = {"task": f"explain-{number}", "cause": "人手不足", "measures": "加派人员"}
    assert desk.do("explain_card", body, "u:head", "2026-03-19T09:00").status == "done"
    assert watch(desk).look() == ([], [key])


def test_unreadable_accounts_ring_and_leave_what_rang(desk: Desk) -> None:
    desk.people.held.remove(("section_head", "scjg"))
    warned(desk)
    watch(desk).look()
    desk.people.can_look = False
    assert watch(desk).look() == ([UNREAD], [])
    assert f"{UNHEARD}:r:section_head:scjg" in rings(desk)
    desk.people.can_look = True
    assert watch(desk).look() == ([], [UNREAD])


def test_a_notice_to_a_system_that_holds_the_task_does_not_ring(desk: Desk) -> None:
    accepted(desk)
    assert desk.do("claim", {"task": "review-check"}, "s:archive", "2026-03-03T08:00").status == (
        "done"
    )
    assert desk.do("urge", {"text": "请抓紧"}, "u:head", "2026-03-03T09:00").status == "done"
    with reading(desk.town.engine) as connection:
        told = connection.execute(select(tables.notification.c.recipient)).scalars().all()
    assert told == ["s:archive"]
    assert watch(desk).look() == ([], [])
    desk.fire("card:promised:JC-TS-75")
    with reading(desk.town.engine) as connection:
        given = connection.execute(select(card_tables.card.c.recipients)).scalar_one()
    assert given == "|d:scjg|"


# --- the accounts themselves ---------------------------------------------------------------------


def person(user: str, role: str, department: str, **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("password", "enrolment", "token"), "") | {"created_by": "system"}
    return {
        "id": user, "kind": "human", "login": user, "name": "某人", "department": department,
        "grants": [[role, department]], "clearance": 1, "compartments": [], "created_at": NOW,
        **plain, **more,
    }  # fmt: skip


def test_only_active_people_hold_a_role(web: Engine) -> None:
    with web.begin() as connection:
        for one in (
            person("u:a", "section_head", "zjj"),
            person("u:b", "organ_head", "zjj", disabled_at=NOW),
            person("s:c", "organ_head", "scjg", kind="service"),
        ):
            connection.execute(insert(account).values(one))
    found = CityAddressees(CITY, web).look()
    assert found is not None
    assert found.roles == {("section_head", "zjj")}
    assert found.people == {"u:a"}
    assert found.departments == {"zjj"}
    assert found.left == {"u:b": NOW}


def test_accounts_that_cannot_be_read_are_told_from_accounts_of_nobody(
    web: Engine, tmp_path: Path
) -> None:
    nobody = CityAddressees(CITY, web).look()
    assert nobody is not None
    assert nobody.roles == frozenset()
    assert CityAddressees(CITY, None).look() is None
    away = open_engine(f"sqlite:///{tmp_path / 'none' / 'web.sqlite'}", read_only=True)
    assert CityAddressees(CITY, away).look() is None


def test_a_department_is_looked_for_from_itself_upwards() -> None:
    assert CityAddressees(CITY, None).upwards("xf") == ("xf", "zjj", "gov")


def test_in_the_demo_city_every_card_finds_somebody() -> None:
    city = CityAddressees(CITY, None)
    there = holders_of((one.login, one.department, one.held, None) for one in PEOPLE)
    for department in ANSWERING:
        for role in ("section_head", "organ_head", "government_head"):
            assert there.nearest(role, city.upwards(department)), (department, role)
        assert there.has(f"d:{department}"), department
    for office in (city.centre, city.discipline):
        assert there.has(f"d:{office}"), office
    assert there.has("r:supervisor:*")
