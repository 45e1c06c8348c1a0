"""The pages of our own warnings: issued, adjusted, lifted; and read as CAP by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from cases.incidents.cap import prose_faults, read_alert
from cases.messages import Grant
from policies.vocabulary import STEP_UP
from tests.cases.test_warnings import BODY
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import ADDRESS, Town
from tests.granting import regrant

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
