"""The rota at the pages: laid out whole or not at all, stood in for by agreement, handed over by
name, and each notice acknowledged by whom it was for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text, update

from audit.tables import audit_outbox
from cases import deliveries
from cases.database import reading
from cases.duty import turns_between
from cases.messages import Grant
from cases.notices_out import Notice, after, tell
from cases.web_tables import account
from forms.duty_ports import ShownNotice
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import PEOPLE, Town
from tests.granting import regrant

FRIDAY = datetime(2026, 11, 27, 9, 0, tzinfo=UTC).astimezone()
MORNING = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)  # 09:00 in Beijing
HOUR = timedelta(hours=1)
OPEN = (("11111111-1111-5111-8111-111111111111", "云突〔2026〕000001号", "到场"),)


@pytest.fixture(autouse=True)
def on_duty(town: Town) -> Iterator[None]:
    """赵 and 陈 answer for 住建; 周 plans; 黄 is on duty elsewhere. All is over afterwards."""
    town.today = MORNING
    extra = {
        "zhao": (Grant(role="unit_duty", department="zjj"),),
        "chen": (Grant(role="unit_duty", department="zjj"),),
        "huang": (Grant(role="unit_duty", department="mzj"),),
    }
    for login, more in extra.items():
        held = tuple(Grant(role=r, department=d) for r, d in PEOPLE[login][2])
        regrant(town.web, town.ids[login], (*held, *more))
    yield
    with town.web.begin() as connection:
        connection.execute(text(
            "UPDATE duty_shift SET withdrawn_by = 'system', withdrawn_at = :at "
            "WHERE withdrawn_at IS NULL"), {"at": "2026-11-27 01:00:00.000000"})  # fmt: skip
        connection.execute(update(account).values({"disabled_at": None}))
    town.today = None
    town.open_incidents.clear()
    for login in extra:
        held = tuple(Grant(role=r, department=d) for r, d in PEOPLE[login][2])
        regrant(town.web, town.ids[login], held)


def lay(page: Browser, **changed: Any) -> Any:
    form = {
        "csrf": page.token("/duty/of/zjj"), "part": "duty", "first": "2026-11-27",
        "last": "2026-11-29", "hours": "08:00 20:00", "crews": "赵住建\n陈窗", "rest_crews": "",
    } | changed  # fmt: skip
    return page.post("/duty/of/zjj", data=form, follow_redirects=False)


def post(page: Browser, path: str, token_of: str = "/duty", **form: str) -> Any:
    return page.post(path, data={"csrf": page.token(token_of)} | form, follow_redirects=False)


def turns(town: Town) -> list[tuple[str, str]]:
    """Who comes when, in hours from 08:00 of the first day."""
    begin = MORNING - HOUR
    with reading(town.web) as connection:
        found = turns_between(connection, ["zjj"], begin, begin + timedelta(days=4))
    names = {town.ids[login]: PEOPLE[login][0] for login in PEOPLE}
    return [
        (names[one.person], f"{(one.starts_at - begin) / HOUR:g}-{(one.ends_at - begin) / HOUR:g}")
        for one in found
    ]


def told(town: Town, *acts: str) -> list[tuple[str, str, str]]:
    """Act, result and why of the entries of these acts, the newest last."""
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:duty")
    with reading(town.web) as connection:
        bodies = connection.execute(query.order_by(audit_outbox.c.seq)).scalars()
        found = [orjson.loads(bytes(body)) for body in bodies]
    return [(one["act"], one["res"], one.get("why", "")) for one in found if one["act"] in acts]


def shift_of(town: Town, login: str) -> str:
    with reading(town.web) as connection:
        found = turns_between(connection, ["zjj"], MORNING, MORNING + timedelta(days=3))
    return next(one.shift for one in found if one.person == town.ids[login])


# --- laying out -------------------------------------------------------------------------------


def test_who_plans_lays_a_week_out_and_everybody_on_duty_sees_who_is_there(
    town: Town, browser: Browsers
) -> None:
    assert lay(browser("zhou")).status_code == 303
    assert turns(town) == [
        ("赵住建", "0-12"), ("陈窗", "12-24"), ("赵住建", "24-36"), ("陈窗", "36-48"),
        ("赵住建", "48-60"), ("陈窗", "60-72"),
    ]  # fmt: skip
    page = browser("zhao").get("/duty").text
    assert "赵住建" in page and "交班：" in page
    assert told(town, "duty_laid_out")[-1] == ("duty_laid_out", "ok", "")


def test_days_off_go_to_their_own_crew(town: Town, browser: Browsers) -> None:
    assert lay(browser("zhou"), hours="08:00", rest_crews="周科长").status_code == 303
    assert turns(town) == [("赵住建", "0-24"), ("周科长", "24-48"), ("周科长", "48-72")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"crews": "没有此人"}, "本部门没有“没有此人”"),
        ({"crews": "黄民政"}, "本部门没有“黄民政”"),
        ({"hours": "25:00"}, "请按 08:00 20:00 的样子填写时刻"),
        ({"first": "明天"}, "请按 2026-11-22 的样子填写日期"),
        ({"last": "2026-11-26"}, "止日早于起日"),
        ({"last": "2027-11-26"}, "一次最多排 62 天"),
        ({"crews": ""}, "请填写“值班组”"),
    ],
)
def test_what_cannot_be_laid_out_is_said_and_nothing_typed_is_lost(
    town: Town, browser: Browsers, changed: dict[str, str], said: str
) -> None:
    answer = lay(browser("zhou"), **changed)
    assert answer.status_code == 422
    assert said in answer.text
    assert (changed.get("crews") or "陈窗") in answer.text or changed == {"crews": ""}
    assert turns(town) == []


def test_a_rota_is_laid_out_whole_or_not_at_all(town: Town, browser: Browsers) -> None:
    page = browser("zhou")
    assert lay(page, first="2026-11-29").status_code == 303
    before = turns(town)
    answer = lay(page)
    assert answer.status_code == 422
    assert "11-29 08:00：此人在这段时间已有班次" in answer.text
    assert turns(town) == before
    assert told(town, "duty_laid_out")[-1] == ("duty_laid_out", "deny", "clash")


def test_only_the_department_s_own_head_plans_its_rota(town: Town, browser: Browsers) -> None:
    assert lay(browser("zhou")).status_code == 303
    shift = shift_of(town, "zhao")
    for stranger in ("zhao", "jiang"):  # who serves there; who heads another office
        page = browser(stranger)
        form = {"csrf": page.token("/duty"), "part": "duty"}
        assert page.post("/duty/of/zjj", data=form).status_code == 403
        assert post(page, f"/duty/shifts/{shift}/withdraw").status_code == 403
    assert browser("li").get("/duty").status_code == 403  # neither on duty nor a head
    assert browser("sysadmin").get("/duty").status_code == 403


def test_a_turn_taken_back_leaves_a_hole_that_is_shown(town: Town, browser: Browsers) -> None:
    page = browser("zhou")
    assert lay(page).status_code == 303
    assert post(page, f"/duty/shifts/{shift_of(town, 'zhao')}/withdraw").status_code == 303
    assert told(town, "duty_withdrawn")[-1] == ("duty_withdrawn", "ok", "")
    shown = page.get("/duty").text
    assert "空班" in shown
    assert "2026-11-27 09:00 至 2026-11-27 20:00" in re.sub(r"<[^>]+>|\s+", " ", shown).replace(
        "  ", " "
    )


# --- standing in ------------------------------------------------------------------------------


def ask(page: Browser, shift: str, person: str, hours: tuple[str, str]) -> Any:
    return post(page, f"/duty/shifts/{shift}/stand-in", person=person, reason="leave",
                starts=f"2026-11-27T{hours[0]}", ends=f"2026-11-27T{hours[1]}")  # fmt: skip


def override(town: Town) -> str:
    with reading(town.web) as connection:
        found = connection.execute(
            text("SELECT id FROM duty_override WHERE ended_at IS NULL")
        ).scalars()
        return str(next(iter(found)))


def test_who_is_asked_stands_in_once_they_agree_and_not_before(
    town: Town, browser: Browsers
) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    mine, other = browser("zhao"), browser("chen")
    shift = shift_of(town, "zhao")
    assert ask(mine, shift, town.ids["zhou"], ("12:00", "14:00")).status_code == 303
    assert ("周科长", "4-6") not in turns(town)
    assert post(other, f"/duty/overrides/{override(town)}", do="accept").status_code == 409
    assert (
        post(browser("zhou"), f"/duty/overrides/{override(town)}", do="accept").status_code == 303
    )
    assert turns(town) == [
        ("赵住建", "0-4"), ("周科长", "4-6"), ("赵住建", "6-12"), ("陈窗", "12-24")
    ]  # fmt: skip
    assert post(mine, f"/duty/overrides/{override(town)}", do="end").status_code == 303
    assert turns(town) == [("赵住建", "0-12"), ("陈窗", "12-24")]
    assert told(town, "duty_override_ended")[-1] == ("duty_override_ended", "ok", "")


def test_who_plans_decides_at_once_and_nobody_asks_for_another_s_turn(
    town: Town, browser: Browsers
) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    shift = shift_of(town, "zhao")
    answer = ask(browser("chen"), shift, town.ids["chen"], ("12:00", "14:00"))
    assert (answer.status_code, "只能为自己的班次找人顶班" in answer.text) == (422, True)
    answer = ask(browser("zhao"), shift, town.ids["huang"], ("12:00", "14:00"))
    assert "顶班人须是本部门在岗人员" in answer.text
    assert ask(browser("zhou"), shift, town.ids["wu"], ("12:00", "14:00")).status_code == 303
    assert ("吴局长", "4-6") in turns(town)
    kinds = ("duty_override_asked", "duty_override_accepted")
    assert told(town, *kinds)[-4:] == [
        ("duty_override_asked", "deny", "not_mine"), ("duty_override_asked", "deny", "stranger"),
        ("duty_override_asked", "ok", ""), ("duty_override_accepted", "ok", ""),
    ]  # fmt: skip


# --- handing over -----------------------------------------------------------------------------


def test_open_incidents_are_handed_over_by_number_and_taken_over_by_the_next_shift(
    town: Town, browser: Browsers
) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    town.open_incidents["zjj"] = OPEN
    town.today = MORNING + 10.5 * HOUR  # 19:30; 陈 comes at 20:00
    gives, takes = browser("zhao"), browser("chen")
    assert OPEN[0][1] in gives.get("/duty/of/zjj/hand-over").text
    assert (
        post(gives, "/duty/of/zjj/hand-over", note="一号在等抢修队，二十一点要催").status_code
        == 303
    )
    shown = takes.get("/duty").text
    found = re.search(r"/duty/handovers/([0-9a-f-]{36})", shown)
    assert found and "待接班" in shown
    page = takes.get(found[0]).text
    assert "一号在等抢修队" in page and OPEN[0][1] in page
    assert post(gives, found[0]).status_code == 409  # not by who gave it
    assert post(takes, found[0]).status_code == 303
    assert "已接班" in takes.get(found[0]).text
    assert post(takes, found[0]).status_code == 409  # nor twice
    kinds = ("duty_handed_over", "duty_taken_over")
    assert told(town, *kinds)[-4:] == [
        ("duty_handed_over", "ok", ""), ("duty_taken_over", "deny", "same_person"),
        ("duty_taken_over", "ok", ""), ("duty_taken_over", "deny", "not_open"),
    ]  # fmt: skip


def test_a_note_lies_sealed_and_is_for_the_department_alone(town: Town, browser: Browsers) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    assert post(browser("zhao"), "/duty/of/zjj/hand-over", note="密语七七四九").status_code == 303
    with reading(town.web) as connection:
        id, sealed = connection.execute(
            text("SELECT id, note_sealed FROM duty_handover ORDER BY given_at DESC LIMIT 1")
        ).one()
    assert "密语七七四九".encode() not in bytes(sealed)
    assert browser("zhou").get(f"/duty/handovers/{id}").status_code == 200
    assert browser("huang").get(f"/duty/handovers/{id}").status_code == 404


def test_who_is_not_on_duty_hands_nothing_over(town: Town, browser: Browsers) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    page = browser("chen")  # comes in the evening
    assert page.get("/duty/of/zjj/hand-over").status_code == 409
    assert post(page, "/duty/of/zjj/hand-over", note="x").status_code == 409
    assert told(town, "duty_handed_over")[-1] == ("duty_handed_over", "deny", "not_on_duty")


def test_two_hours_after_their_turn_one_may_still_hand_over_and_a_minute_later_not(
    town: Town, browser: Browsers
) -> None:
    assert lay(browser("zhou"), last="2026-11-27").status_code == 303
    page = browser("zhao")
    end = MORNING + 11 * HOUR  # 20:00
    town.today = end + 2 * HOUR - timedelta(seconds=1)
    assert page.get("/duty/of/zjj/hand-over").status_code == 200
    town.today = end + 2 * HOUR
    assert page.get("/duty/of/zjj/hand-over").status_code == 409


# --- notices, and where one is reached --------------------------------------------------------


def notice(town: Town, login: str, key: str) -> str:
    one = Notice(town.ids[login], "escalated", OPEN[0][0], key, {"number": OPEN[0][1]}, urgent=True)
    with town.cases.begin() as connection:
        tell(connection, one, MORNING)
        kept = next(each for each in after(connection, 0) if each.id == one.id)
    with town.web.begin() as connection:
        deliveries.found(connection, kept, [(town.ids[login], "in_app")], MORNING, "zjj")
    return one.id


def test_a_notice_is_counted_until_whom_it_is_for_acknowledges_it(
    town: Town, browser: Browsers
) -> None:
    id = notice(town, "zhao", "1")
    page = browser("zhao")
    shown = page.get("/duty/notices").text
    assert "【临限升级】云突〔2026〕000001号" in shown and "1 件未确认" in shown
    assert "当时无人值班，改送给您" in shown
    assert post(browser("chen"), "/duty/notices", notice=id).status_code == 404
    assert "1 件未确认" in page.get("/duty/notices").text
    assert post(page, "/duty/notices", notice=id).status_code == 303
    assert "件未确认" not in page.get("/duty/notices").text
    assert told(town, "notice_read")[-2:] == [
        ("notice_read", "deny", "not_mine"), ("notice_read", "ok", "")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "about", "url"),
    [
        ("escalated", "i1", "/incidents/i1"), ("milestone", "p1", "/projects/p1"),
        ("security", "p1", "/projects/p1"), ("rota_hole", "", ""),
    ],
)  # fmt: skip
def test_a_notice_leads_to_what_it_tells_of(kind: str, about: str, url: str) -> None:
    assert ShownNotice("n", about, kind, "", MORNING, False, "").url == url


def test_what_became_of_a_notice_is_told_with_its_incident(town: Town) -> None:
    notice(town, "zhao", "2")
    found = town.ports.duty.told(OPEN[0][0])
    assert [(one.name, one.channel, one.state) for one in found[-1].deliveries] == [
        ("赵住建", "in_app", "delivered")
    ]
    assert found[-1].nobody == "zjj"


def test_an_address_is_kept_sealed_and_taken_back_when_it_is_emptied(
    town: Town, browser: Browsers
) -> None:
    page = browser("zhao")
    said = {"channel": "sms", "address": "13812345678"}
    assert post(page, "/duty/contacts", "/duty/contacts", **said).status_code == 303
    assert "13812345678" in page.get("/duty/contacts").text
    assert told(town, "duty_contact")[-1] == ("duty_contact", "ok", "")
    assert "13812345678" not in browser("chen").get("/duty/contacts").text
    with reading(town.web) as connection:
        rows = connection.execute(text("SELECT address_sealed FROM duty_contact")).scalars()
        assert all(b"13812345678" not in bytes(row) for row in rows)
    assert (
        post(page, "/duty/contacts", "/duty/contacts", channel="sms", address="").status_code == 303
    )
    assert "13812345678" not in page.get("/duty/contacts").text


@pytest.mark.parametrize(
    ("channel", "address"),
    [("sms", "12345"), ("sms", "1381234567x"), ("email", "a@b"), ("im", "<b>"), ("fax", "1")],
)
def test_what_is_no_address_is_refused_and_stays_typed(
    browser: Browsers, channel: str, address: str
) -> None:
    said = {"channel": channel, "address": address}
    answer = post(browser("zhao"), "/duty/contacts", "/duty/contacts", **said)
    assert answer.status_code == 422


def test_an_incident_is_linked_from_a_notice_only_for_who_may_open_it(
    town: Town, browser: Browsers
) -> None:
    for login, linked in (("wu", False), ("zhao", True)):  # a head is told of what escalates
        notice(town, login, f"linked-{login}")
        shown = browser(login).get("/duty/notices").text
        assert "【临限升级】" in shown and ('href="/incidents/' in shown) is linked
