"""The calendar's page: the year, what is provisional, and a notice before and after it counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from activities.alarming import Alarms
from activities.looking_ahead import LookingAhead
from cases import releases
from cases.alarms import Alarm
from cases.release_tables import release
from cases.releases import Proposal, Release
from cases.retiming_tables import retiming, retiming_move
from cases.tables import alarm
from catalogue.calendar_file import CalendarFile, written
from catalogue.holiday_cn import with_changes
from catalogue.load import HERE
from catalogue.reading import read_calendar_file
from forms.release_ports import Release as Listed
from forms.words import timer_word
from tests.forms.conftest import Browsers
from tests.forms.town import Town
from yichuang.calendar_changes import CalendarChanges

SHIPPED = (HERE / "calendars" / "cn.yaml").read_text("utf-8")
DAY = timedelta(days=1)


def _file() -> CalendarFile:
    found = read_calendar_file(SHIPPED, "cn.yaml", [])
    assert found is not None
    return found[0]


def next_version(version: str = "2026-extra") -> str:
    today = datetime.now(UTC).date()
    days = [today + n * DAY for n in range(1, 9)]
    off = [day for day in days if day.weekday() < 5 and day.year == 2026][:2]
    return written(with_changes(_file(), version, off=off, name="临时放假", paper="国办发明电1号"))


def now() -> datetime:
    return datetime.now(UTC)


def proposed(town: Town, version: str = "2026-extra") -> Release:
    """Register the shipped calendar, and a proposal of the editor with its preview."""
    ahead = LookingAhead(town.cases, CalendarChanges(town.cases, now), now)
    text = next_version(version)
    with town.cases.begin() as connection:
        shipped = Proposal("calendar", "cn", _file().version, SHIPPED)
        releases.seed(connection, shipped, now(), now() - DAY)
        editor = town.actor("editor").id
        made = releases.propose(
            connection, Proposal("calendar", "cn", version, text), editor, now()
        )
    ahead.preview(f"look-{version}", made, "apply")
    listed = Listed(
        made.id, "calendar", "cn", version, made.digest, "proposed", editor, now(), None
    )
    town.releases.releases.append(listed)
    return made


@pytest.fixture
def one(town: Town) -> Iterator[Release]:
    town.file()
    yield proposed(town)
    with town.cases.begin() as connection:
        for table in (retiming_move, retiming, release, alarm):
            connection.execute(delete(table))
    town.releases.releases.clear()


def test_the_year_shows_days_off_and_days_worked_with_their_names(
    one: Release, browser: Browsers
) -> None:
    page = browser("feng").get("/calendar?name=cn&year=2026").text
    assert re.search(r'<td class="free off" title="春节">17<sup>休</sup></td>', page)
    assert re.search(r'<td class="work on" title="春节">14<sup>班</sup></td>', page)
    assert "工作日 248 天" in page
    assert "02-15～02-23；上班 02-14、02-28" in page
    assert "gov.cn" in page
    assert "暂定" not in page.split("h-year")[2].split("h-versions")[0]


def test_a_year_without_a_notice_says_provisional(one: Release, browser: Browsers) -> None:
    page = browser("feng").get("/calendar?name=cn&year=2027").text
    year = page.split("h-year")[2].split("h-versions")[0]
    assert "暂定" in year and "guess" in year
    assert "2028 →" not in page


def test_the_signer_sees_each_deadline_before_and_after_and_signs_that_list(
    town: Town, one: Release, browser: Browsers
) -> None:
    signer = browser("signer")
    page = signer.get(f"/calendar?name=cn&version={one.id}").text
    digest = re.search(r'name="preview" value="([0-9a-f]{64})"', page)
    assert digest is not None
    rows = page.split('id="moves"')[1]
    assert re.search(r"ZJJ\d+", rows) and timer_word("notice") in rows and "变动后" in rows
    form = {"csrf": signer.token("/calendar"), "preview": digest[1]}
    asked = signer.post(f"/releases/{one.id}/sign", data=form, follow_redirects=False)
    assert asked.status_code == 200 and digest[1] in asked.text
    form["step"] = "confirmed"
    answer = signer.post(f"/releases/{one.id}/sign", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/calendar")
    assert town.releases.signed_on == digest[1]


def test_a_long_list_comes_in_pages(town: Town, browser: Browsers) -> None:
    for _ in range(51):
        town.file()
    one = proposed(town, "long")
    page = browser("signer").get(f"/calendar?name=cn&version={one.id}").text
    rows = page.split("h-year")[0]
    assert rows.count("ZJJ2026") == 50 and 'rel="next"' in rows and 'rel="prev"' not in rows
    last = browser("signer").get(f"/calendar?name=cn&version={one.id}&page=2").text
    assert 'rel="prev"' in last and 'rel="next"' not in last.split("h-year")[0]


@pytest.mark.parametrize(
    ("login", "acts", "moves"),
    [
        ("editor", {"withdraw", "look-ahead", "notice", "change"}, True),
        ("signer", {"sign", "look-ahead"}, True),
        ("feng", set(), True),
        ("sysadmin", set(), False),
    ],
)
def test_each_is_offered_what_they_may_and_no_administrator_sees_cases(
    one: Release, browser: Browsers, login: str, acts: set[str], moves: bool
) -> None:
    page = browser(login).get(f"/calendar?name=cn&version={one.id}").text
    offered = {
        act
        for act in ("sign", "withdraw", "look-ahead", "notice", "change", "revoke")
        if re.search(rf'action="[^"]*/{act}"', page)
    }
    assert offered == acts
    assert ('id="moves"' in page) == moves
    assert "涉及办件" in page


def test_a_clerk_has_no_business_here(one: Release, browser: Browsers) -> None:
    assert browser("chen").get("/calendar").status_code == 403


def test_a_revocation_is_asked_with_reasons_and_agreed_to_by_another(
    town: Town, one: Release, browser: Browsers
) -> None:
    at = now()
    with town.cases.begin() as connection:
        releases.sign(connection, one.id, town.actor("signer").id, at, at)
    editor = browser("editor")
    assert "ask-revocation" in editor.get("/calendar").text
    asking = f"/calendar/{one.id}/ask-revocation"
    token = editor.token("/calendar")
    assert editor.post(asking, data={"csrf": token, "reason": " "}).status_code == 422
    form = {"csrf": token, "reason": "通知有误"}
    assert editor.post(asking, data=form, follow_redirects=False).status_code == 303
    assert town.releases.asked == (town.actor("editor").id, one.id, "通知有误")

    with town.cases.begin() as connection:
        kept = releases.ask_revocation(
            connection, one.id, town.actor("editor").id, now(), "通知有误"
        )
    LookingAhead(town.cases, CalendarChanges(town.cases, now), now).preview("b", kept, "revert")
    (listed,) = town.releases.releases
    town.releases.releases[:] = [replace(listed, state="active", revoke_asked_by=kept.proposed_by)]
    assert "/revoke" not in browser("editor").get("/calendar").text
    signer = browser("signer")
    page = signer.get("/calendar").text
    digest = re.search(r'/revoke".*?name="preview" value="([0-9a-f]{64})"', page)
    assert digest is not None and "通知有误" in page
    form = {"csrf": signer.token("/calendar"), "preview": digest[1]}
    asked = signer.post(f"/calendar/{one.id}/revoke", data=form, follow_redirects=False)
    assert asked.status_code == 200 and "本版不再适用" in asked.text
    assert town.releases.revoked == ("", "", ""), "nothing is done by asking"
    form["step"] = "confirmed"
    answer = signer.post(f"/calendar/{one.id}/revoke", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert town.releases.revoked == (town.actor("signer").id, one.id, digest[1])


def test_a_pasted_notice_becomes_a_proposal_and_an_empty_year_does_not(
    town: Town, one: Release, browser: Browsers
) -> None:
    editor = browser("editor")
    form = {"csrf": editor.token("/calendar"), "name": "cn"}
    empty = json.dumps({"year": 2027, "papers": [], "days": []})
    answer = editor.post("/calendar/notice", data=form | {"notice": empty})
    assert answer.status_code == 422
    assert "2027 年一天也没有" in answer.text
    answer = editor.post("/calendar/notice", data=form | {"notice": "<script>"})
    assert answer.status_code == 422 and "<script>" not in answer.text


def test_an_ad_hoc_change_needs_a_day_a_reason_and_a_paper(
    town: Town, one: Release, browser: Browsers
) -> None:
    editor = browser("editor")
    form = {"csrf": editor.token("/calendar"), "name": "cn", "reason": "国葬日", "paper": "国办"}
    assert "请至少写一天" in editor.post("/calendar/change", data=form).text
    wrong = editor.post("/calendar/change", data=form | {"off": "2026-13-01"})
    assert wrong.status_code == 422 and "2026-12-28" in wrong.text
    bare = editor.post("/calendar/change", data=form | {"off": "2026-12-28", "paper": ""})
    assert bare.status_code == 422
    answer = editor.post(
        "/calendar/change", data=form | {"off": "2026-12-28"}, follow_redirects=False
    )
    assert answer.status_code in (303, 422)  # the register of this town takes matters only


def test_an_open_alarm_stands_on_top(town: Town, one: Release, browser: Browsers) -> None:
    with town.cases.begin() as connection:
        sounding = Alarm(
            "calendar_missing:cn:2027", "calendar_missing", "2027 年放假通知尚未载入",
            detail={"calendar": "cn"},
        )  # fmt: skip
        Alarms("demo", "https://city.invalid/schemas").sound(connection, sounding, now())
    page = browser("sysadmin").get("/calendar").text
    assert "2027 年放假通知尚未载入" in page.split("h-known")[0]


def test_a_name_nobody_knows_is_not_found(one: Release, browser: Browsers) -> None:
    assert browser("feng").get("/calendar?name=nowhere").status_code == 404
    assert browser("feng").get("/calendar?year=999999&page=x&version=y").status_code == 200


def test_a_proposal_of_a_calendar_is_signed_on_its_own_page(
    one: Release, browser: Browsers
) -> None:
    page = browser("signer").get("/releases").text
    assert f"/releases/{one.id}/sign" not in page
    assert f"version={one.id}" in page
