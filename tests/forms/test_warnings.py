"""The pages of our own warnings: issued, adjusted, lifted; and read as CAP by everybody."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from cases.incidents.cap import prose_faults, read_alert, write_alert
from cases.incidents.xml_in import Element, read_xml
from cases.messages import Grant
from cases.warning_rows import KeptAct
from cases.warnings import ISSUE, LIFT, Announced
from cases.warnings_cap import Said, alert_of
from catalogue.load import load_catalogue
from forms.warning_feed import KEPT, atom_of, is_told
from policies.vocabulary import STEP_UP
from tests.cases.test_warnings import BODY
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import ADDRESS, Town
from tests.granting import regrant

JD1 = [one.id for one in load_catalogue().grid.cells if one.department == "jd1"]
JD3 = next(one.id for one in load_catalogue().grid.cells if one.department == "jd3")
PLACED: dict[str, str | list[str]] = {
    "streets": ["jd1"], "cells": [JD3], "expires_at": "2099-11-28T12:00",
    "circle_lon": "112.41", "circle_lat": "33.105", "circle_radius_m": "800",
}  # fmt: skip
FORM: dict[str, str | list[str]] = BODY | {"starts_at": "2026-11-27T12:00"}


@pytest.fixture(autouse=True)
def centre(town: Town) -> Iterator[None]:
    """Let two people sit in the command centre, for one test: the town serves every test."""
    before = {login: town.accounts.find(town.ids[login]) for login in ("jiang", "gaojian")}
    for login, role in (("jiang", "commander"), ("gaojian", "duty_officer")):
        regrant(town.web, town.ids[login], [Grant(role=role, department="zhzx")])
    yield
    for login, account in before.items():
        assert account is not None
        regrant(town.web, town.ids[login], account.grants)


def post(
    page: Browser, address: str, form: dict[str, str | list[str]], command: str = ""
) -> tuple[int, str, str]:
    """Post as the page's own form does; return status, the address it leads to, and the page."""
    data = form | {"csrf": page.token(address), "command": command or str(uuid4())}
    data["step"] = "confirmed"
    answer = page.post(address, data=data, follow_redirects=False)
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_a_commander_issues_adjusts_and_lifts_and_everybody_reads_the_cap_message(
    town: Town, browser: Browsers
) -> None:
    page = browser("jiang")
    status, there, _ = post(page, "/warnings/new", FORM)
    assert status == 303 and there.startswith("/warnings/")
    shown = page.get(there).text
    for words in ("山体滑坡", "黄色", "预警期内", "云川市人民政府", "启动应急预案", "第六十六条",
                  "青石街道 &lt;北坡&gt;", "2026-11-27 12:00"):  # fmt: skip
        assert words in shown, words
    red: dict[str, str | list[str]] = FORM | {"level": "red", "measures": ["66-1", "67-6"]}
    assert post(page, f"{there}/adjust", red)[:2] == (303, there)
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        told = stranger.get(there.replace("/warnings/", "/alerts/") + ".cap")
        assert (told.status_code, told.headers["content-type"]) == (200, "application/cap+xml")
        alert = read_alert(told.content)
        assert stranger.get("/alerts/no-such.cap").status_code == 404
    assert not prose_faults(alert)
    assert (alert.kind, [one.language for one in alert.infos]) == ("Update", ["zh-CN", "en"])
    assert {one.severity for one in alert.infos} == {"Extreme"}
    over: dict[str, str | list[str]] = {"reason": "坡体已加固", "reason_en": "Secured"}
    assert post(page, f"{there}/lift", over)[:2] == (303, there)
    shown = page.get(there).text
    assert "警报已解除" in shown and "坡体已加固" in shown
    assert f"{there}/adjust" not in shown and f"{there}/lift" not in shown
    status, _, again = post(page, f"{there}/lift", over)
    assert status == 422 and "第七十条" in again
    assert "山体滑坡" in browser("gaojian").get("/warnings").text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"area": ""}, "第六十四条"),
        ({"starts_at": ""}, "第六十四条"),
        ({"starts_at": "soon"}, "时间读不出来"),
        ({"event": "暴雨"}, "第三十条"),
        ({"category": "weather"}, "第三十条"),
        ({"measures": ["66-1", "67-1"]}, "第六十七条"),
        ({"issuer_en": ""}, "须有英文"),
        ({"matters": "长" * 1001}, "填写有误"),
    ],
)
def test_what_may_not_be_announced_comes_back_with_its_article_and_what_was_typed(
    browser: Browsers, changes: dict[str, str | list[str]], says: str
) -> None:
    status, _, shown = post(browser("jiang"), "/warnings/new", FORM | changes)
    assert status == 422 and says in shown
    assert 'role="alert"' in shown and "请勿进入北坡" in shown


def test_cells_circle_and_lapse_go_from_the_form_into_the_message_and_come_back_to_be_adjusted(
    town: Town, browser: Browsers
) -> None:
    page = browser("jiang")
    there = post(page, "/warnings/new", FORM | PLACED)[1]
    shown = page.get(there).text
    for words in (
        "溪口街道第1网格",
        "岭南街道第",
        "半径 800 米",
        "2099-11-28 12:00",
        "同时向上一级",
    ):
        assert words in shown, words
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        alert = read_alert(stranger.get(f"{there.replace('warnings', 'alerts')}/1.cap").content)
    area = alert.infos[0].areas[0]
    assert len(area.polygons) == len(area.geocodes) == len(JD1) + 1
    assert area.circles[0].radius_km == 0.8
    form = page.get(f"{there}/adjust").text
    assert re.search(r'name="streets" value="jd1" checked', form)
    assert len(re.findall(r'name="cells" value="\d+" checked', form)) == 1
    assert 'value="2099-11-28T12:00"' in form and 'value="800"' in form


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"circle_radius_m": ""}, "圆须写全"),
        ({"circle_radius_m": "50001"}, "圆须写全"),
        ({"cells": ["nowhere"]}, "网格里没有 nowhere"),
        ({"expires_at": "2026-11-27T12:00"}, "须晚于起始时间"),
        ({"expires_at": "2020-11-27T12:00", "starts_at": "2020-11-26T12:00"}, "失效时间已过"),
        ({"expires_at": "never"}, "时间读不出来"),
    ],
)
def test_a_place_or_lapse_that_is_none_comes_back_with_what_was_typed(
    browser: Browsers, changes: dict[str, str | list[str]], says: str
) -> None:
    status, _, shown = post(browser("jiang"), "/warnings/new", FORM | PLACED | changes)
    assert status == 422 and says in shown and 'value="jd1" checked' in shown


def test_a_new_form_begins_with_now_and_the_government(browser: Browsers) -> None:
    shown = browser("jiang").get("/warnings/new").text
    assert 'value="云川市人民政府"' in shown and "Yunchuan Municipal People" in shown
    assert re.search(r'name="starts_at"[^>]*value="20\d\d-', shown)


def test_the_feed_is_for_everybody_lists_what_stands_and_changes_only_with_it(
    town: Town, browser: Browsers
) -> None:
    page = browser("jiang")
    there = post(page, "/warnings/new", FORM | {"event": "路面 <塌陷> & 塌方"})[1]
    name = there.rsplit("/", 1)[1]
    with TestClient(town.app(), base_url=ADDRESS) as stranger:
        first = stranger.get("/alerts.atom")
        assert first.headers["content-type"] == "application/atom+xml"
        tag = {"if-none-match": first.headers["etag"]}
        again = stranger.get("/alerts.atom", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        entry = entry_of(first.content, name)
        assert "路面 <塌陷> & 塌方" in entry.said("title")
        link = next(one for one in entry.children if one.name == "link").attributes[("", "href")]
        assert link.endswith(f"/alerts/{name}/1.cap")
        alert = read_alert(stranger.get(urlsplit(link).path).content)
        assert (alert.kind, alert.infos[0].event) == ("Alert", "路面 <塌陷> & 塌方")
        post(page, f"{there}/lift", {"reason": "已回填", "reason_en": "Filled"})
        later = stranger.get("/alerts.atom", headers=tag)
        assert later.status_code == 200
        assert "已回填" in entry_of(later.content, name).said("summary")
        old = there.replace("warnings", "alerts")
        kinds = [read_alert(stranger.get(f"{old}/{n}.cap").content).kind for n in (1, 2)]
        assert kinds == ["Alert", "Cancel"]
        for nothing in (f"{old}/3.cap", f"{old}/0.cap", "/alerts/none/1.cap"):
            assert stranger.get(nothing).status_code == 404


def entry_of(body: bytes, name: str) -> Element:
    feed = read_xml(body)
    return next(one for one in feed.all("entry") if name in one.said("id"))


@pytest.mark.parametrize(
    ("verb", "age", "lapse", "there"),
    [
        (ISSUE, timedelta(days=400), None, True),
        (LIFT, KEPT, None, False),
        (LIFT, KEPT - timedelta(seconds=1), None, True),
        (ISSUE, timedelta(days=400), KEPT, False),
        (ISSUE, timedelta(days=400), KEPT - timedelta(seconds=1), True),
    ],
)
def test_the_feed_keeps_what_stands_and_for_a_week_what_ended(
    verb: str, age: timedelta, lapse: timedelta | None, there: bool
) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    said = Announced.model_validate(BODY | {"expires_at": now - lapse if lapse else None})
    assert is_told(KeptAct("w", 1, verb, "u", said, None, "", now - age, "e"), now) is there


def test_a_lapsed_one_is_said_to_have_lapsed() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    ends = now - timedelta(hours=1)
    said = Announced.model_validate(BODY | {"expires_at": ends})
    told = Said("w", 1, ISSUE, said, None, ends)
    cap = write_alert(alert_of("c", "https://c.test", told, [], load_catalogue().grid)).decode()
    act = KeptAct("w", 1, ISSUE, "u", said, None, cap, now - timedelta(days=1), "e")
    for at, word in ((ends - timedelta(seconds=1), False), (ends, True)):
        feed = atom_of([act], "https://c.test", "云川市", at)
        assert ("已到失效时间" in feed) is word
        assert ("2026-11-26T23:00:00Z</updated>" in feed) is word


def test_what_is_corrected_after_a_refusal_is_another_command(browser: Browsers) -> None:
    """A refusal is its command's answer for ever, so that the corrected form needs its own."""
    page, command = browser("jiang"), str(uuid4())
    status, _, shown = post(page, "/warnings/new", FORM | {"event": "暴雨"}, command)
    found = re.search(r'name="command" value="([^"]+)"', shown)
    assert status == 422 and found is not None and found[1] != command
    assert post(page, "/warnings/new", FORM, found[1])[0] == 303


def test_a_weather_category_is_not_offered(browser: Browsers) -> None:
    shown = browser("jiang").get("/warnings/new").text
    assert 'value="geology"' in shown and 'value="weather"' not in shown


def test_posted_twice_it_is_one_warning(browser: Browsers) -> None:
    page, command = browser("jiang"), str(uuid4())
    first = post(page, "/warnings/new", FORM, command)
    assert first[:2] == post(page, "/warnings/new", FORM, command)[:2]


def test_a_duty_officer_reads_and_nobody_else_comes_in(browser: Browsers) -> None:
    there = post(browser("jiang"), "/warnings/new", FORM)[1]
    officer = browser("gaojian")
    shown = officer.get(there).text
    assert "山体滑坡" in shown and f"{there}/adjust" not in shown
    assert "/warnings/new" not in officer.get("/warnings").text
    for address in ("/warnings/new", f"{there}/adjust", f"{there}/lift"):
        assert officer.get(address).status_code == 403
    for login in ("chen", "sysadmin"):
        assert browser(login).get("/warnings").status_code == 403
        assert browser(login).get(there).status_code == 403


def test_in_english_it_is_read_in_english(browser: Browsers) -> None:
    page = browser("jiang")
    there = post(page, "/warnings/new", FORM)[1]
    page.get("/language/en")
    shown = page.get(there).text
    for words in ("Landslide", "Yellow", "In force", "Emergency plan started"):
        assert words in shown, words
    page.get("/language/zh")


def test_what_begins_or_changes_a_warning_is_stepped_up_and_lifting_is_not_delayed() -> None:
    assert {act for kind, act in STEP_UP if kind == "warning"} == {
        "warning_issue", "warning_adjust",
    }  # fmt: skip


def test_what_is_announced_is_asked_once_more(town: Town, browser: Browsers) -> None:
    page, address = browser("jiang"), "/warnings/new"
    before = len(town.ports.warnings.public())
    form = FORM | {"csrf": page.token(address), "command": str(uuid4())}
    asked = page.post(address, data=form, follow_redirects=False)
    assert asked.status_code == 200 and "autofocus>发布黄色预警：山体滑坡</button>" in asked.text
    assert "即刻以中英文 CAP 报文向社会公布" in asked.text and "第六十四条" in asked.text
    assert len(town.ports.warnings.public()) == before, "nothing is announced by asking"
    back = page.post(address, data=form | {"step": "back"})
    assert "请勿进入北坡" in back.text and 'value="山体滑坡"' in back.text
    sure = form | {"step": "confirmed"}
    there = [page.post(address, data=sure, follow_redirects=False).headers["location"]
             for _ in range(2)]  # fmt: skip
    assert there[0] == there[1] and len(town.ports.warnings.public()) == before + 1


def test_a_warning_that_was_adjusted_meanwhile_is_told_before_it_is_lifted(
    town: Town, browser: Browsers
) -> None:
    page = browser("jiang")
    _, there, _ = post(page, "/warnings/new", FORM)
    form = {"reason": "坡体已加固", "reason_en": "Secured", "csrf": page.token(f"{there}/lift"),
            "command": str(uuid4())}  # fmt: skip
    asked = page.post(f"{there}/lift", data=form)
    found = re.search(r'name="shown" value="([^"]*)"', asked.text)
    assert found and "解除预警：山体滑坡" in asked.text
    shown = html.unescape(found[1]).replace("发布", "调整")  # as if it had been adjusted since
    late = page.post(f"{there}/lift", data=form | {"step": "confirmed", "shown": shown})
    assert late.status_code == 409 and "情况有变" in late.text
    assert "警报已解除" not in page.get(there).text
